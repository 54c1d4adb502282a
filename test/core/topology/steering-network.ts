/** The text of a network with two PoPs and one site with two hosts, for tests of `sites[].steering`. */
export function networkText(steering: string): string {
  return `
network: demo
sites: [{ hosts: [www.demo.test, api.demo.test], origins: [{ url: "http://127.0.0.1:9" }], steering: ${steering} }]
pops:
  - { id: par, location: { latitude: 48.86, longitude: 2.35 }, listen: "127.0.0.1:0", admin: "127.0.0.1:0", advertise: [192.0.2.1] }
  - { id: nyc, location: { latitude: 40.71, longitude: -74.01 }, listen: "127.0.0.1:0", admin: "127.0.0.1:0", advertise: [192.0.2.2] }
purge: { listen: "127.0.0.1:0", admin: "127.0.0.1:0" }
`;
}
