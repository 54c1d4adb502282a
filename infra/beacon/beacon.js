// @ts-nocheck: it runs in browsers, whose types this project does not have.
/*
 * Measures the round trip from a visitor to each PoP, and reports it to your own site:
 *
 *   <script async src="/beacon.js" data-report="/rtt"
 *     data-pops='{"par":"https://par.example.com","nyc":"https://nyc.example.com"}'></script>
 *
 * Each PoP is asked twice for a small answer that every edge gives; the second, over the connection that then stands, is about one
 * round trip. Runs when the page is idle, for one visit in `data-sample` (default 20). POSTs {"par":12.3,"nyc":88.1}.
 */
(() => {
  const { report, pops, sample = '20' } = document.currentScript.dataset;
  const path = '/.well-known/breakwater/node';

  const ask = async (base) => {
    const began = performance.now();
    await fetch(`${base}${path}`, {
      mode: 'no-cors',
      cache: 'no-store',
      credentials: 'omit',
    });
    return performance.now() - began;
  };

  const run = async () => {
    const times = {};
    for (const [pop, base] of Object.entries(JSON.parse(pops))) {
      try {
        await ask(base);
        times[pop] = Math.round((await ask(base)) * 10) / 10;
      } catch {
        // A PoP that cannot be reached is not in the report; probes find that out.
      }
    }
    if (Object.keys(times).length > 0) navigator.sendBeacon(report, JSON.stringify(times));
  };

  if (Math.random() * Number(sample) >= 1) return;
  const later = window.requestIdleCallback ?? ((callback) => setTimeout(callback, 2000));
  addEventListener('load', () => later(() => void run()));
})();
