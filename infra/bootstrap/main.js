/**
 * Where every npm script begins: `node infra/bootstrap/main.js SCRIPT args…`.
 *
 * This file has no static import and no syntax newer than Node 12's modules, so that a very old Node prints a line
 * that helps, instead of a syntax error. Everything else is in bootstrap.js, which needs Node 18.
 */
const nodeVersion = process.versions.node;

if (Number(nodeVersion.split('.')[0]) < 18) {
  process.stderr.write(
    `breakwater: Node ${nodeVersion} is too old even to fetch a newer one. Install Node 22.19 or newer (https://nodejs.org) and run this again.\n`,
  );
  process.exitCode = 1;
} else {
  void import('./bootstrap.js').then(({ bootstrap }) => bootstrap());
}
