"""How the page looks: one type scale, one accent color, light and dark."""

from __future__ import annotations

STYLE = """
body { --bg: #f5f6f8; --surface: #ffffff; --ink: #18212c; --muted: #525d6b; --line: #d5dbe3;
  --accent: #0a6a72; --soft: #e4f1f2; --bad: #a8231b; --warn: #7a4f00; --bad-soft: #fbeceb;
  --q-primary: #0a6a72 !important; --q-negative: #a8231b !important; }
body.body--dark { --bg: #11161c; --surface: #1a2129; --ink: #e7ecf2; --muted: #a9b4c1;
  --line: #323d49; --accent: #63c9d0; --soft: #17343a; --bad: #ff9d95; --warn: #f0c060;
  --bad-soft: #3a2020; --q-primary: #63c9d0 !important; --q-negative: #ff9d95 !important; }
body, body .q-field__native, body .q-field__label, body .q-btn { font-family: system-ui,
  -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
body { background: var(--bg) !important; color: var(--ink); font-size: 15px; line-height: 1.5;
  --nicegui-default-padding: 0; --nicegui-default-gap: 0; }
.nicegui-content { padding: 0 !important; gap: 0; align-items: stretch; max-width: none !important;
  width: 100%; }
*, *::before, *::after { box-sizing: border-box; }
h1 { font-size: 26px; line-height: 1.25; font-weight: 650; margin: 0; letter-spacing: -.01em; }
h3 { font-size: 15px; line-height: 1.4; font-weight: 650; margin: 4px 0 0; letter-spacing: 0; }
h2 { font-size: 18px; line-height: 1.35; font-weight: 650; margin: 0; letter-spacing: 0; }
.small, .q-field__bottom, .q-field__suffix { font-size: 13px; }
body .q-field__bottom { position: static; transform: none; padding: 4px 2px 0; min-height: 0;
  line-height: 1.35; }
body .q-field__messages { line-height: 1.35; }
body .q-field--with-bottom { padding-bottom: 0; }
body .q-field__suffix { white-space: nowrap; }
.muted, body .q-field__bottom, body .q-field__suffix, body .q-field__label { color: var(--muted); }
body .q-field--error .q-field__bottom { color: var(--bad); }
body .q-field__native, body .q-field__input { color: var(--ink); }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 24px; min-height: 56px;
  padding: 0 32px; background: var(--surface); border-bottom: 1px solid var(--line); }
.brand { font-weight: 700; font-size: 18px; color: var(--ink); text-decoration: none; }
.bar nav { display: flex; flex-wrap: wrap; gap: 0 4px; flex: 1; }
.bar nav a { color: var(--muted); text-decoration: none; padding: 16px 10px 13px;
  border-bottom: 3px solid transparent; }
.bar nav a:hover { color: var(--ink); }
.bar nav a.here { color: var(--ink); font-weight: 600; border-bottom-color: var(--accent); }
.sheet { display: flex; flex-direction: column; gap: 24px; width: 100%; max-width: 1184px;
  margin: 0 auto; padding: 32px; box-sizing: border-box; }
.lead { color: var(--muted); margin-top: 6px; max-width: 68ch; }
.panel { background: var(--surface); border: 1px solid var(--line); border-radius: 10px;
  padding: 20px; display: flex; flex-direction: column; gap: 16px; min-width: 0;
  overflow-wrap: anywhere; }
.two { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 24px;
  align-items: start; }
.wide-left { grid-template-columns: minmax(0, 2fr) minmax(0, 1fr); }
.three { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 16px; }
.fields { display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr));
  gap: 12px 16px; }
.ranges { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 12px 16px;
  max-width: 720px; }
.line { display: flex; flex-wrap: wrap; align-items: center; gap: 12px; }
.column-of-panels { display: flex; flex-direction: column; gap: 24px; min-width: 0; }
.stack { display: flex; flex-direction: column; gap: 8px; }
.stack:empty, .ranges:empty { display: none; }
.card { display: flex; flex-direction: column; gap: 4px; padding: 20px; border-radius: 10px;
  background: var(--surface); border: 1px solid var(--line); color: var(--ink);
  text-decoration: none; min-height: 112px; }
.card:hover { border-color: var(--accent); background: var(--soft); }
.card b { font-size: 18px; font-weight: 650; }
a.plain { color: var(--accent); text-decoration: underline; text-underline-offset: 3px; }
a.plain:hover, a.plain:active { opacity: 1; text-decoration-thickness: 2px; }
a:focus-visible, button:focus-visible, summary:focus-visible { outline: 3px solid var(--accent);
  outline-offset: 2px; border-radius: 6px; }
.q-btn.q-btn:focus-visible { box-shadow: 0 0 0 2px var(--surface), 0 0 0 5px var(--accent); }
.q-slider__track-container:focus-visible { outline: 3px solid var(--accent) !important;
  outline-offset: 2px; border-radius: 6px; }
.command { display: grid; grid-template-columns: minmax(0, 1fr) auto; align-items: center;
  gap: 2px 12px; padding: 10px 12px 10px 16px;
  border: 1px solid var(--line); border-radius: 10px; background: var(--surface); }
.slider { padding: 0 8px; }
.slider .q-slider__marker-labels { font-size: 13px; color: var(--muted); white-space: nowrap; }
.command .mono { grid-column: 1; grid-row: 2; }
.command .q-btn { grid-column: 2; grid-row: 1 / span 2; }
pre, .mono { font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
.word { display: inline-block; max-width: 100%; white-space: pre-wrap; overflow-wrap: anywhere; }
.counts { display: grid; gap: 12px; align-items: center;
  grid-template-columns: minmax(0, 1fr) minmax(0, 1fr) minmax(0, 2.1fr) minmax(0, 2fr)
    minmax(0, 1.2fr) 40px; }
.big { font-size: 40px; line-height: 1.1; font-weight: 650; font-variant-numeric: tabular-nums; }
table.plain { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
table.plain th { text-align: left; font-weight: 600; font-size: 13px; color: var(--muted); }
table.plain th, table.plain td { padding: 8px 12px 8px 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
table.plain { overflow-wrap: break-word; }
table.plain td:first-child { min-width: 8em; }
table.plain .number { text-align: right; padding-right: 20px; white-space: nowrap; }
table.plain th.number { white-space: normal; vertical-align: bottom; }
.scroll { overflow-x: auto; }
.problem { border-left: 4px solid var(--bad); background: var(--bad-soft); padding: 8px 12px;
  border-radius: 4px; overflow-wrap: anywhere; white-space: pre-wrap; }
.note { border-left: 4px solid var(--accent); background: var(--soft); padding: 8px 12px;
  border-radius: 4px; }
.q-btn { text-transform: none; font-weight: 600; letter-spacing: 0; border-radius: 8px; }
.panel > .q-btn.action { align-self: flex-start; }
.q-btn.action { color: var(--accent); border: 1px solid var(--accent); }
.q-btn.action.main { background: var(--accent); color: var(--surface); }
.chart { width: 100%; }
.chart svg text { fill: var(--ink) !important; }
.editor { border: 1px solid var(--line); border-radius: 8px; overflow: hidden; font-size: 13px; }
.editor .cm-editor { background: var(--surface); color: var(--ink); height: 100%; }
.editor .cm-gutters { background: var(--surface); color: var(--muted);
  border-right: 1px solid var(--line); }
.editor .cm-content { caret-color: var(--ink); }
.editor .cm-line span { color: inherit !important; }
.diagram { width: 720px; max-width: 100%; background: #fff; border-radius: 8px; }
@media (max-width: 1000px) { .counts { gap: 8px; grid-template-columns: minmax(0, .75fr)
    minmax(0, .75fr) minmax(0, 2.4fr) minmax(0, 2.4fr) minmax(0, .8fr) 32px; }
  .two, .wide-left { grid-template-columns: minmax(0, 1fr); }
  .three { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .sheet { padding: 24px; } .bar { padding: 0 20px; gap: 4px 12px; }
  table.plain { font-size: 14px; } table.plain .number { padding-right: 6px; }
  table.plain th, table.plain td { padding-right: 6px; }
  .bar nav a { padding: 16px 6px 13px; } }
@media (max-width: 560px) { .three, .ranges { grid-template-columns: minmax(0, 1fr); }
  .sheet { padding: 16px; } .bar { padding: 8px 16px 0; justify-content: space-between; }
  .bar nav { order: 3; flex: 1 0 100%; } .bar nav a { padding: 6px 6px 5px; }
  .counts { grid-template-columns: repeat(2, minmax(0, 1fr)); padding-bottom: 12px;
    border-bottom: 1px solid var(--line); }
  .counts > :nth-child(6n+3), .counts > :nth-child(6n+4) { grid-column: 1 / -1; }
  .command { padding: 10px 12px; } .command .mono { grid-column: 1 / -1; }
  .command .q-btn { grid-row: 1; }
  table.plain thead { position: absolute; width: 1px; height: 1px; overflow: hidden;
    clip-path: inset(50%); }
  table.plain tr { display: block; padding: 8px 0; border-bottom: 1px solid var(--line); }
  table.plain td { display: flex; justify-content: space-between; gap: 16px; border: 0;
    padding: 2px 0; text-align: right; }
  table.plain td:first-child { display: block; font-weight: 600; text-align: left; }
  table.plain .number { padding-right: 0; white-space: normal; }
  table.plain td::before { content: attr(data-heading); color: var(--muted); font-size: 13px;
    text-align: left; }
  table.plain td:empty { display: none; }
  .q-field { max-width: 100%; min-width: 0 !important; }
  .scroll > .diagram { width: 620px; max-width: none; } }
"""

REMEMBER_THEME = """
<script>
function lupusimTheme(value) {
  if (value === undefined) value = localStorage.getItem('lupusim-theme');
  else localStorage.setItem('lupusim-theme', value);
  if (value === 'dark' || value === 'light') Quasar.Dark.set(value === 'dark');
}
function lupusimNames() {
  document.querySelectorAll('.cm-content').forEach(
    e => e.setAttribute('aria-label', 'The scenario file'));
  document.querySelectorAll('.q-loading-bar').forEach(
    e => e.setAttribute('aria-label', 'The page is loading'));
  document.querySelectorAll('.cm-scroller').forEach(e => e.setAttribute('tabindex', '0'));
}
new MutationObserver(lupusimNames)  // an editor may be drawn before the page is loaded
  .observe(document.documentElement, {childList: true, subtree: true});
document.addEventListener('keydown', e => {  // Tab goes on, as everywhere; it indents nothing
  if (e.key === 'Tab' && e.target.closest('.cm-content')) e.stopImmediatePropagation();
}, true);
window.addEventListener('load', () => {
  setTimeout(lupusimTheme, 0);
  setTimeout(() => window.dispatchEvent(new Event('resize')), 400);
});
</script>
"""

TOGGLE_THEME = "lupusimTheme(document.body.classList.contains('body--dark') ? 'light' : 'dark')"
