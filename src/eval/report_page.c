/* SPDX-License-Identifier: Apache-2.0
 *
 * The page of a stored evaluation: one file that needs nothing else. Its policy lets no resource in
 * and no script run but the one that sorts tables, named by its hash, so that a text of a stranger
 * that slipped through the escaping would still do nothing.
 */
#include "eval/report.h"

#define SENTENCES_SHOWN 12

static const char style[] =
    ":root{color-scheme:light dark;--bg:#fcfcfb;--ink:#1f2328;--dim:#5b636c;--line:#d8dce1;"
    "--card:#f3f4f5;--heat:37 99 "
    "190;--same:#2f6bb3;--better:#0a7d5a;--worse:#bf4316;--base:#555e68;"
    "--mark:#cdebd9}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#15181c;--ink:#e6e8ea;--dim:#9aa4ae;"
    "--line:#333a42;--card:#1d2126;--heat:96 160 245;--same:#7fb0ec;--better:#4cc38a;"
    "--worse:#ff8d61;--base:#b4bcc5;--mark:#1d4a37}}\n"
    "body{font:15px/1.5 system-ui,sans-serif;background:var(--bg);color:var(--ink);"
    "max-width:84rem;margin:1.5rem auto 4rem;padding:0 1.2rem}\n"
    "h1{font-size:1.6rem;margin:0 0 .2rem;overflow-wrap:anywhere}h2{font-size:1.15rem;"
    "margin:2.4rem 0 .4rem}h4{margin:.2rem 0 .4rem;font-size:.95rem}\n"
    ".note,.dim,small,figcaption{color:var(--dim)}.note{font-size:.88rem;margin:.3rem 0 .8rem;"
    "max-width:60rem}small{font-size:.82em;font-weight:400}\n"
    ".verdict ul{list-style:none;margin:0;padding:0}.verdict{padding:.7rem 1rem;margin:1rem "
    "0;background:var(--card);"
    "border-left:4px solid var(--same);border-radius:.3rem;overflow-wrap:anywhere}"
    ".verdict li{margin:.15rem 0}.verdict summary{color:var(--dim)}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "th,td{padding:.35rem .7rem;text-align:right;border-bottom:1px solid var(--line);"
    "vertical-align:top;white-space:nowrap}th[scope=row],td.text,th:first-child{text-align:left}"
    "thead th{border-bottom:2px solid var(--line);font-weight:600}th[scope=row]{font-weight:600}"
    "td.text{white-space:normal;min-width:8rem;overflow-wrap:anywhere}td:empty::after{content:'–'}"
    "tbody tr:hover{background:var(--card)}\n"
    "th button{all:unset;cursor:pointer;white-space:nowrap}th button:focus-visible{outline:2px "
    "solid var(--same)}"
    "th[aria-sort=ascending] button::after{content:' ↑'}"
    "th[aria-sort=descending] button::after{content:' ↓'}\n"
    ".plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr));"
    "gap:1.2rem 2rem}figure{margin:0;max-width:42rem}figcaption{font-weight:600;font-size:.95rem}"
    "svg{width:100%;height:auto;display:block}svg text{font:12px system-ui,sans-serif;"
    "fill:var(--ink)}\n"
    "svg .grid{stroke:var(--line);stroke-width:1}svg .bar{fill:none;stroke-width:2}"
    "svg .mark{stroke-width:2;stroke:var(--same);fill:var(--bg)}"
    ".bar.same{stroke:var(--same)}.bar.better{stroke:var(--better)}.bar.worse{stroke:var(--worse)}"
    ".bar.base{stroke:var(--base)}.mark.better{stroke:var(--better);fill:var(--better)}"
    ".mark.worse{stroke:var(--worse);fill:var(--worse)}.mark.base{stroke:var(--base);"
    "fill:var(--base)}rect.better,path.better:not(.bar):not(.mark){fill:var(--better)}"
    "rect.worse,path.worse:not(.bar):not(.mark){fill:var(--worse)}\n"
    "svg .baseline{stroke:var(--base);stroke-dasharray:4 4;fill:none}svg .zero{stroke:var(--dim);"
    "fill:none}svg .leader{stroke:var(--line);fill:none}svg .curve{stroke:var(--same);fill:none;"
    "stroke-width:2}svg .heat{fill:rgb(var(--heat))}svg .best{stroke:var(--ink);stroke-width:2}\n"
    ".better{color:var(--better)}.worse{color:var(--worse)}.maps{display:flex;flex-wrap:wrap;"
    "gap:1.5rem 2.5rem}.map td{background:rgb(var(--heat)/calc(var(--v)*.55));"
    "text-align:center}.map caption{text-align:left;font-weight:600;padding:.2rem 0}"
    ".map th{font-weight:400}\n"
    ".legend{display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;font-size:.88rem;margin:.3rem 0}"
    "details{margin:.3rem 0}summary{cursor:pointer;overflow-wrap:anywhere}"
    ".group>summary{font-weight:600;margin-top:.6rem}.change{margin-left:1.1rem}"
    ".sides{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));"
    "gap:.5rem 2rem;background:var(--card);border-radius:.4rem;padding:.7rem 1rem;margin:.4rem 0}"
    ".sides ol{margin:0;padding-left:1.6rem}.sides li{margin:.15rem 0;overflow-wrap:anywhere}"
    ".sides>div{min-width:0}mark{background:var(--mark);color:inherit;border-radius:.2rem;"
    "padding:0 .3rem;font-size:.85em}.sides i{font-size:.85em;color:var(--dim)}\n"
    "footer{margin-top:3rem;border-top:1px solid var(--line)}";

static const char script[] =
    "document.querySelectorAll('table.sortable').forEach(function(table){"
    "Array.from(table.tHead.rows[0].cells).forEach(function(head,at){"
    "var button=document.createElement('button');button.type='button';"
    "while(head.firstChild)button.appendChild(head.firstChild);head.appendChild(button);"
    "button.addEventListener('click',function(){"
    "var body=table.tBodies[0],rows=Array.from(body.rows);"
    "var number=rows.some(function(r){return r.cells[at].dataset.v!==undefined});"
    "var now=head.getAttribute('aria-sort'),down=now?now==='ascending':number;"
    "var key=function(r){var c=r.cells[at];return number?(c.dataset.v===undefined?null:"
    "+c.dataset.v):c.textContent};"
    "rows.sort(function(a,b){var x=key(a),y=key(b);if(x===null||y===null)"
    "return(x===null)-(y===null);"
    "var o=number?x-y:x.localeCompare(y);return down?-o:o});"
    "rows.forEach(function(r){body.appendChild(r)});"
    "Array.from(table.tHead.rows[0].cells).forEach(function(h){h.removeAttribute('aria-sort')});"
    "head.setAttribute('aria-sort',down?'descending':'ascending')})})});";

static unsigned hex_value(char c) {
  return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* SHA-256 in base64, as a Content-Security-Policy names a script. */
static void script_hash(char out[45]) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  mgp_sha256 h;
  char hex[67] = "";
  mgp_sha256_init(&h);
  mgp_sha256_add(&h, script, sizeof script - 1);
  mgp_sha256_hex(&h, hex);
  hex[64] = hex[65] = '0'; /* a 33rd byte, so that the last three are whole */
  for (size_t i = 0; i < 11; i++) {
    unsigned bits = 0;
    for (size_t j = 0; j < 6; j++) bits = bits << 4 | hex_value(hex[i * 6 + j]);
    for (size_t j = 0; j < 4; j++) out[i * 4 + j] = digits[bits >> (18 - 6 * j) & 63];
  }
  out[43] = '=';
  out[44] = '\0';
}

static void add_head(mgp_buffer *b, const mgp_mgeval *m) {
  char hash[45];
  script_hash(hash);
  mgp_buffer_printf(b,
                    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                    "style-src 'unsafe-inline'; script-src 'sha256-%s'\">\n<title>",
                    hash);
  mgp_text_escaped(b, m->name, MGP_TITLE_COLUMNS);
  mgp_buffer_add_text(b, " · magpie eval</title>\n<style>\n");
  mgp_buffer_add(b, style, sizeof style - 1);
  mgp_buffer_add_text(b, "</style></head><body>\n<header><h1>");
  mgp_report_text(b, m->name, MGP_TITLE_COLUMNS);
  mgp_buffer_printf(b, "</h1><p class=\"note\">%zu quer%s", m->query_count,
                    m->query_count == 1 ? "y" : "ies");
  if (m->judgements >= 0) mgp_buffer_printf(b, ", %lld judgements", (long long)m->judgements);
  mgp_buffer_printf(b, ", %zu system%s", m->system_count, m->system_count == 1 ? "" : "s");
  if (m->system_count > 1) {
    mgp_buffer_add_text(b, ", baseline ");
    mgp_report_text(b, m->systems[m->baseline].name, 40);
  }
  mgp_buffer_add_text(b, "</p></header>\n");
}

static void add_sentences(mgp_buffer *b, const mgp_mgeval *m, size_t first, size_t past) {
  mgp_buffer_add_text(b, "<ul>\n");
  for (size_t i = first; i < past; i++) {
    mgp_buffer_add_text(b, "<li>");
    mgp_text_escaped(b, m->verdict[i], 2000);
    mgp_buffer_add_text(b, "</li>\n");
  }
  mgp_buffer_add_text(b, "</ul>\n");
}

/* The sentences on the deciding measure come first; of very many the rest is folded. */
static void add_verdict(mgp_buffer *b, const mgp_mgeval *m) {
  size_t shown = m->verdict_count;
  if (shown > SENTENCES_SHOWN)
    shown = m->system_count > SENTENCES_SHOWN ? SENTENCES_SHOWN : m->system_count;
  if (m->verdict_count == 0) return;
  mgp_buffer_add_text(b, "<div class=\"verdict\" id=\"verdict\">\n");
  add_sentences(b, m, 0, shown);
  if (shown < m->verdict_count) {
    mgp_buffer_printf(b, "<details><summary>%zu more</summary>", m->verdict_count - shown);
    add_sentences(b, m, shown, m->verdict_count);
    mgp_buffer_add_text(b, "</details>");
  }
  mgp_buffer_add_text(b, "</div>\n");
}

static void add_foot(mgp_buffer *b, const mgp_mgeval *m) {
  mgp_buffer_add_text(b, "<footer class=\"note\"><p>");
  mgp_buffer_add_text(b, "The randomisation test decides; the measures and their ties are in "
                         "docs/metrics.md of magpie. ");
  if (m->leaves_out)
    mgp_buffer_add_text(b, "Queries that a system did not answer are left out of its means. ");
  mgp_buffer_add_text(b, "Made ");
  mgp_text_escaped(b, m->created, 40);
  mgp_buffer_add_text(b, " by magpie ");
  mgp_text_escaped(b, m->magpie, 20);
  mgp_buffer_add_text(b, ".</p></footer>\n<script>");
  mgp_buffer_add(b, script, sizeof script - 1);
  mgp_buffer_add_text(b, "</script>\n</body></html>\n");
}

static magpie_status add_all(mgp_buffer *b, const mgp_mgeval *m, magpie_error *err) {
  add_head(b, m);
  add_verdict(b, m);
  mgp_report_systems(b, m);
  MGP_FORWARD(mgp_report_intervals(b, m, err));
  MGP_FORWARD(mgp_report_latency(b, m, err));
  MGP_FORWARD(mgp_report_sweep(b, m, err));
  MGP_FORWARD(mgp_report_differences(b, m, err));
  mgp_report_changed(b, m);
  mgp_report_confusion(b, m);
  mgp_report_causes(b, m);
  mgp_report_queries(b, m);
  add_foot(b, m);
  return MAGPIE_OK;
}

magpie_status magpie_evaluation_html(const char *mgeval, char **html, magpie_error *err) {
  MGP_RETURN_IF(!html, err, MAGPIE_INVALID, "evaluation: html is NULL");
  *html = NULL;
  mgp_mgeval m;
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  magpie_status status = MAGPIE_OK;
  MGP_TRY(mgp_mgeval_read("evaluation", mgeval, &m, err));
  MGP_TRY(add_all(&b, &m, err));
  *html = mgp_buffer_take(&b);
  if (!*html) status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the page of an evaluation");
done:
  mgp_buffer_fini(&b);
  mgp_mgeval_fini(&m);
  return status;
}
