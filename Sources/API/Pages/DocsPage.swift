/// The page at `/docs`: a person reads the contract. It asks for `/openapi.json` and shows what that says; whatever text
/// comes from there is set as text, never as HTML.
enum DocsPage {
    static let html = style + script + "</html>\n"

    private static let style = #"""
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="referrer" content="no-referrer">
        <title>kick-gateway: API</title>
        <style>
          :root {
            color-scheme: light dark;
            --line: light-dark(#d9dce1, #363b43); --soft: light-dark(#5b6470, #9aa4b0);
            --page: light-dark(#fff, #15181c); --panel: light-dark(#f5f6f8, #1d2127);
            --link: light-dark(#0b57a4, #7ab7ff); --mark: light-dark(#fff1c2, #4a3d10);
            --get: light-dark(#0b6a3a, #63d297); --post: light-dark(#0b57a4, #7ab7ff);
            --put: light-dark(#8a4b00, #f0b35c); --delete: light-dark(#a8261a, #ff8f85);
          }
          * { box-sizing: border-box; }
          html { scroll-padding-top: 1rem; }
          body { font: 15px/1.5 system-ui, sans-serif; margin: 0; background: var(--page); }
          a { color: var(--link); }
          :focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px; }
          code, pre, .path, .type { font: .86em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
          code { background: var(--panel); border-radius: 3px; padding: .05em .3em; overflow-wrap: anywhere; }
          #skip { position: absolute; left: -100vw; }
          #skip:focus { left: 1rem; top: .5rem; background: var(--page); padding: .4rem .8rem; z-index: 2; }
          #frame { display: grid; grid-template-columns: 19rem minmax(0, 1fr); }
          nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1rem; border-right: 1px solid var(--line); }
          nav h2 { font-size: .78rem; letter-spacing: .05em; text-transform: uppercase; color: var(--soft); margin: 1rem 0 .2rem; }
          nav ul { list-style: none; margin: 0; padding: 0; }
          nav li a { display: flex; gap: .5rem; padding: .12rem .3rem; border-radius: 4px; text-decoration: none; color: inherit; font-size: .88rem; }
          nav li a:hover, nav li a[aria-current] { background: var(--panel); }
          nav .method { width: 4.2em; flex: none; font-size: .68rem; line-height: 2; }
          #search { width: 100%; font: inherit; padding: .35rem .5rem; }
          #count { color: var(--soft); font-size: .85rem; min-height: 1.4em; margin: .3rem 0 0; }
          main { padding: 1.2rem 2rem 6rem; max-width: 64rem; min-width: 0; }
          h1 { font-size: 1.5rem; margin: 0; }
          main > section { margin-top: 2rem; }
          section > h2 { font-size: 1.15rem; margin: 0 0 .3rem; }
          section > h2::first-letter { text-transform: uppercase; }
          .soft { color: var(--soft); }
          .method { font-weight: 700; text-transform: uppercase; font-size: .78rem; }
          .get { color: var(--get); } .post { color: var(--post); } .delete { color: var(--delete); }
          .put, .patch { color: var(--put); }
          .operation { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; }
          .operation > summary { padding: .5rem .7rem; cursor: pointer; display: flex; flex-wrap: wrap; gap: .1rem .7rem; align-items: baseline; }
          .operation[open] > summary { border-bottom: 1px solid var(--line); background: var(--panel); }
          .operation > div { padding: .3rem .9rem .9rem; }
          .path { overflow-wrap: anywhere; }
          h4 { margin: 1.1rem 0 .3rem; font-size: .95rem; }
          p { margin: .5rem 0; overflow-wrap: anywhere; }
          table { border-collapse: collapse; width: 100%; }
          td, th { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
          th { color: var(--soft); font-weight: 600; font-size: .85rem; }
          td:first-child { min-width: 7rem; }
          td.in { overflow-wrap: normal; color: var(--soft); }
          pre { background: var(--panel); border-radius: 5px; padding: .6rem .8rem; margin: .4rem 0; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
          .members { list-style: none; margin: .2rem 0; padding-left: .9rem; border-left: 2px solid var(--line); }
          .members li { padding: .12rem 0; }
          .type { color: var(--soft); }
          .required { color: var(--delete); font-size: .8rem; }
          .badge { border: 1px solid var(--line); border-radius: 1rem; padding: 0 .6rem; font-size: .82rem; display: inline-block; margin: .1rem .3rem .1rem 0; }
          .badge.warning { background: var(--mark); }
          .answer { border-top: 1px solid var(--line); }
          .answer > summary { cursor: pointer; padding: .25rem 0; }
          .status { font-weight: 700; font-variant-numeric: tabular-nums; }
          .bar { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; }
          button { font: inherit; font-size: .85rem; padding: .1rem .7rem; }
          [hidden] { display: none !important; }
          @media (max-width: 48rem) {
            #frame { display: block; }
            nav { position: static; height: auto; max-height: 45vh; border-right: 0; border-bottom: 1px solid var(--line); }
            main { padding: 1rem 1rem 4rem; }
            nav li a { padding: .4rem .3rem; }
            table, tbody, tr, td { display: block; }
            thead { display: none; }
            td { border: 0; padding: 0; }
            tr { border-bottom: 1px solid var(--line); padding: .4rem 0; }
          }
          @media print { nav, button { display: none; } #frame { display: block; } }
        </style>
        <a id="skip" href="#main">To the operations</a>
        <div id="frame">
          <nav aria-label="Operations">
            <input id="search" type="search" placeholder="Search ( / )" aria-label="Search operations" autocomplete="off">
            <p id="count" role="status"></p>
            <div id="index"></div>
          </nav>
          <main id="main" tabindex="-1">
            <h1 id="title">API</h1>
            <p class="soft" id="note">Loading the contract …</p>
            <noscript><p>This page needs JavaScript. The contract itself is at <a href="openapi.json">openapi.json</a>.</p></noscript>
          </main>
        </div>

        """#
}
