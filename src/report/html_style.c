/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The style of HTML reports: light and dark, phones, paper. */
#include "config.h"

#include "report/html_report.h"

static const char STYLE[] =
    ":root{--ground:#fff;--text:#1c1c1c;--faint:#5f5f5f;--line:#d0d0d0;--link:#005faf;"
    "--good:#00663d;--unsure:#8a5a00;--bad:#b00000;--raised:#f5f5f5}\n"
    "@media (prefers-color-scheme:dark){:root{--ground:#121212;--text:#e4e4e4;--faint:#a8a8a8;"
    "--line:#444;--link:#5fafff;--good:#5fd78f;--unsure:#ffbf5f;--bad:#ff7f7f;"
    "--raised:#1e1e1e}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;max-width:64rem;padding:1rem;background:var(--ground);"
    "color:var(--text);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}\n"
    "h1{font-size:1.6rem;margin:.5rem 0}\n"
    "h2{font-size:1.3rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line)}\n"
    "h3{font-size:1.05rem;margin:1rem 0 .25rem}\n"
    "p,ul,ol,dl,table,figure{margin:.5rem 0}\n"
    "a{color:var(--link)}nav{display:flex;flex-wrap:wrap;gap:.25rem 1rem;padding:.25rem 0}\n"
    ".meta,figcaption{color:var(--faint);font-size:.9rem}.lead{font-size:1.1rem}\n"
    ".answers{display:flex;flex-wrap:wrap;gap:.5rem;padding:0;list-style:none}\n"
    ".answers li{flex:1 1 9rem;padding:.5rem .75rem;background:var(--raised);"
    "border-left:.3rem solid}.answers b{display:block;font-size:1.2rem}\n"
    ".good{border-color:var(--good)}.unsure{border-color:var(--unsure)}"
    ".bad{border-color:var(--bad)}\n"
    ".answers .good b{color:var(--good)}.answers .unsure b{color:var(--unsure)}"
    ".answers .bad b{color:var(--bad)}\n"
    "article{margin:1rem 0;padding:.1rem .9rem .4rem;border-left-width:.3rem;"
    "border-left-style:solid}article.plain{border-color:var(--line)}\n"
    ".places{padding-left:1.2rem;font-size:.95rem}\n"
    "code{font-family:ui-monospace,monospace;font-size:.92em}\n"
    "table{border-collapse:collapse;width:100%}"
    "th,td{padding:.2rem .5rem .2rem 0;text-align:left;vertical-align:top;"
    "border-bottom:1px solid var(--line)}th{font-weight:normal;color:var(--faint);"
    "width:10rem}th[colspan]{font-weight:bold;color:inherit}\n"
    "svg.map{display:block;width:100%;height:auto}\n"
    ".legend{display:grid;grid-template-columns:repeat(auto-fill,minmax(13rem,1fr));"
    "gap:.1rem 1rem;padding:0;list-style:none;font-size:.9rem}"
    ".swatch{vertical-align:-2px}\n"
    "@media (max-width:30rem){body{padding:.75rem}th{width:7.5rem}"
    ".commands td{display:block;border:0}.commands td+td{color:var(--faint);"
    "padding-bottom:.6rem}}\n"
    "@media print{:root{--ground:#fff;--text:#000;--faint:#444;--line:#bbb;--link:#000;"
    "--raised:#fff;--good:#00663d;--unsure:#8a5a00;--bad:#b00000}"
    "body{max-width:none;padding:0;font-size:10pt}nav{display:none}"
    "article,figure,tr,li{break-inside:avoid}h2,h3{break-after:avoid}"
    "svg{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n";

void html_style(struct buf *out)
{
    buf_puts(out, STYLE);
}
