import { defineConfig, type Plugin } from 'vite';

// The report is one file: script and style are put into the page.
function oneFile(): Plugin {
  return {
    name: 'one-file',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const page = Object.values(bundle).find((f) => f.fileName.endsWith('.html'));
      if (!page || page.type !== 'asset') throw new Error('no page was built');
      let html = String(page.source);
      for (const [name, file] of Object.entries(bundle)) {
        if (file.type === 'chunk') {
          const code = file.code.replace(/<\/script/g, '<\\/script');
          html = html.replace(/<script type="module"[^>]*src="[^"]*"[^>]*><\/script>/, '').replace('</body>', () => `<script type="module">${code}</script></body>`);
          delete bundle[name];
        } else if (name.endsWith('.css')) {
          const css = String(file.source);
          html = html.replace(/<link rel="stylesheet"[^>]*>/, () => `<style>${css}</style>`);
          delete bundle[name];
        }
      }
      page.source = html;
      page.fileName = 'report.html';
    },
  };
}

export default defineConfig({
  root: 'report',
  base: './',
  build: { outDir: '../dist-report', emptyOutDir: true, modulePreload: { polyfill: false }, sourcemap: false },
  plugins: [oneFile()],
});
