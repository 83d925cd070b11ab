#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# What packagers rely on: metadata that validate and agree on the version, files in the right
# places, an uninstall that leaves nothing, no path of the build in what is built.
set -u
top=$(cd "$top_srcdir" && pwd)
build=$(dirname "$QCHECK")
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
for tool in appstreamcli desktop-file-validate mandoc; do
    command -v $tool >/dev/null || { echo "no $tool"; exit 77; }
done
bad=0
complain() { echo "$*"; bad=1; }

version=$("$QCHECK" --version | sed -n '1s/^qcheck //p')
value() { sed -n "s/^$1 = //p" "$build/Makefile"; }
id=$(value DESKTOP_ID)

# --- metadata ---
appstreamcli validate --no-net "$top/data/desktop/$id.metainfo.xml" >"$work/out" 2>&1 ||
    complain "metainfo: $(cat "$work/out")"
# Data that catalogues copy has a licence of its own, which the packages name.
licence=$(sed -n 's/.*<metadata_license>\(.*\)<.*/\1/p' "$top/data/desktop/$id.metainfo.xml")
grep -q "SPDX-License-Identifier: $licence " "$top/data/desktop/$id.metainfo.xml" ||
    complain "the metainfo file does not begin with its licence, $licence"
[ ! -d "$top/debian" ] || grep -A3 '^Files: .*metainfo' "$top/debian/copyright" | grep -qx "License: $licence" ||
    complain "debian/copyright does not say $licence of the metainfo file"
desktop-file-validate "$top/data/desktop/$id.desktop" >"$work/out" 2>&1
[ ! -s "$work/out" ] || complain "desktop file: $(cat "$work/out")"
grep -q "<id>$id</id>" "$top/data/desktop/$id.metainfo.xml" || complain "metainfo has another id"
grep -q "<release version=\"$version\"" "$top/data/desktop/$id.metainfo.xml" ||
    complain "metainfo does not have release $version"
grep -q "^Version: *$version$" "$top/packaging/rpm/qcheck.spec" ||
    complain "the spec file is not of version $version"
[ ! -d "$top/debian" ] || sed -n 1p "$top/debian/changelog" | grep -q "^qcheck ($version-" ||
    complain "debian/changelog does not begin with version $version"
sed -n 1p "$top/NEWS" | grep -qx "qcheck $version" || complain "NEWS does not begin with $version"
if command -v rpmlint >/dev/null; then
    rpmlint "$top/packaging/rpm/qcheck.spec" 2>&1 | grep ': E: ' && complain "rpmlint"
fi

# configure.ac says who publishes it; whoever else names them says the same.
mail=$(value PUBLISHER_MAIL) url=$(value HOME_PAGE)
grep -q "<url type=\"homepage\">$url</url>" "$top/data/desktop/$id.metainfo.xml" ||
    complain "the metainfo file has another home page than $url"
grep -q "^URL: *$url$" "$top/packaging/rpm/qcheck.spec" ||
    complain "the spec file has another home page than $url"
grep -q "^\* .* <$mail> - $version-" "$top/packaging/rpm/qcheck.spec" ||
    complain "the changelog of the spec file has another address than $mail"
if [ -d "$top/debian" ]; then
    for file in control changelog; do
        grep -q "<$mail>" "$top/debian/$file" || complain "debian/$file has another address than $mail"
    done
    grep -qx "Homepage: $url" "$top/debian/control" ||
        complain "debian/control has another home page than $url"
fi

# --- manual pages ---
for page in qcheck.1 qcheck-json.5; do
    said=$(mandoc -Tlint -W all "$build/man/$page" 2>&1)
    [ -z "$said" ] || complain "$page: $said"
    grep -q '^\.TH [^ ]* [15] "[0-9]\{4\}-[0-9][0-9]-[0-9][0-9]"' "$build/man/$page" ||
        complain "$page has no date"
done

# --- installation ---
make_() { (cd "$build" && env -u MAKEFLAGS -u MFLAGS make -s --no-print-directory "$@" </dev/null) \
    >"$work/out" 2>&1 || complain "make $*: $(cat "$work/out")"; }
make_ install DESTDIR="$work/root" prefix=/usr
for file in bin/qcheck share/applications/$id.desktop share/metainfo/$id.metainfo.xml \
    share/icons/hicolor/scalable/apps/qcheck.svg share/man/man1/qcheck.1 \
    share/man/man5/qcheck-json.5 share/bash-completion/completions/qcheck \
    share/fish/vendor_completions.d/qcheck.fish share/zsh/site-functions/_qcheck \
    share/qcheck/samples/INDEX share/qcheck/schema/check.schema.json share/doc/qcheck/README.md; do
    [ -f "$work/root/usr/$file" ] || complain "install puts no $file"
done
# Links of the README lead to what is installed beside it.
for link in $(sed -n 's/.*](\([^)#]*\)).*/\1/p' "$work/root/usr/share/doc/qcheck/README.md"); do
    case $link in
    http*) ;;
    *) [ -e "$work/root/usr/share/doc/qcheck/$link" ] || complain "README: no $link" ;;
    esac
done
make_ uninstall DESTDIR="$work/root" prefix=/usr
left=$(find "$work/root" ! -type d)
[ -z "$left" ] || complain "uninstall leaves" $left
left=$(find "$work/root" -name '*qcheck*')
[ -z "$left" ] || complain "uninstall leaves" $left

# --- the same in whatever folder it is built ---
if grep -q '^MAP_PREFIX_FLAGS' "$build/Makefile"; then
    for path in "$top" "$(cd "$build" && pwd)"; do
        grep -qF "$path/" "$QCHECK" && complain "$QCHECK names the folder $path"
    done
fi
exit $bad
