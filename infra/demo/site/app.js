// @ts-nocheck: this one runs in a browser, and the types of browsers are not loaded here.
// Each "fetch" button asks for its page once more and shows what the network says about the answer.
const shown = ['Cache-Status', 'Age', 'X-Origin-Request'];

for (const button of document.querySelectorAll('button[data-path]')) {
  button.addEventListener('click', () => show(button.dataset.path, button.parentElement));
}

async function show(path, row) {
  const output = row.querySelector('output');
  output.textContent = '…';
  const begin = performance.now();
  try {
    // The browser's own cache stays out of it. A Cache-Control of ours, and one that asks for nothing, keeps the browser
    // from adding its "no-cache", which would make the network ask the origin each time.
    const headers = { 'Cache-Control': 'no-transform' };
    const response = await fetch(path, { redirect: 'manual', cache: 'no-store', headers });
    await response.arrayBuffer();
    output.replaceChildren(...describe(response, performance.now() - begin));
  } catch (error) {
    output.textContent = `no answer: ${error.message}`;
  }
}

function describe(response, tookMs) {
  const result = response.headers.get('X-Cache') ?? 'not through Breakwater';
  const mark = document.createElement('b');
  mark.textContent = result;
  mark.classList.toggle('hit', result === 'HIT');
  const pop = response.headers.get('X-Cache-Pop');
  const where = pop === null ? '' : ` at ${pop}`;
  const status = response.type === 'opaqueredirect' ? 'a redirect' : response.status;
  const fields = shown
    .filter((name) => response.headers.has(name))
    .map((name) => `\n${name}: ${response.headers.get(name)}`);
  return [mark, `${where} · ${status} · ${tookMs.toFixed(1)} ms`, fields.join('')];
}
