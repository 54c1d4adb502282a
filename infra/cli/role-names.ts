/** What people call the roles of the processes of a network. */
const roleNames: Readonly<Record<string, string>> = {
  edge: 'edge',
  shield: 'shield',
  dns: 'geo-dns',
  purge: 'purge-api',
  origin: 'demo origin',
};

/** The name of a role; one that a newer network has is shown as it is. */
export function roleName(role: string): string {
  return roleNames[role] ?? role;
}
