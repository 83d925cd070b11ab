# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Puts the members of JSON forms into a manual page: a line "@MEMBERS check@" becomes the
# list of all members in check.schema.json, with their types and descriptions. The schemas
# are laid out one key a line, and the description of a member is its first key.
#
#   awk -v schemas=DIR -f members.awk PAGE.in > PAGE

function roff(text)
{
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    gsub(/"/, "\\(dq", text)
    sub(/^[.']/, "\\\\\\&&", text)
    return text
}

# What stands between the outer quotes of a line "key": "value".
function string(line)
{
    sub(/^ *"[^"]*": "/, "", line)
    sub(/",?$/, "", line)
    gsub(/\\"/, "\"", line)
    return line
}

# Names of the members that lead here; [] for each array on the way.
function path(depth,    i, p)
{
    for (i = 1; i <= depth; i++) {
        if (key[i] == "properties")
            p = p (p == "" ? "" : ".") key[i + 1]
        else if (key[i] == "items" && key[i - 1] != "properties")
            p = p "[]"
    }
    return p
}

function members(file,    line, depth, name, title, n)
{
    n = 0
    while ((getline line < file) > 0) {
        n++
        if (line ~ /^ *[]}]/) {
            depth--
            continue
        }
        name = line
        sub(/^ */, "", name)
        if (name ~ /^"/) {
            sub(/^"/, "", name)
            sub(/".*/, "", name)
        } else {
            name = ""
        }
        if (line ~ /[[{]$/) {
            key[++depth] = name
            continue
        }
        if (name == "title" && key[depth - 1] == "oneOf")
            title = string(line)
        if (name != "description")
            continue
        if (key[depth - 1] == "properties")
            printf ".TP\n.B %s\n%s\n", roff(path(depth)), roff(string(line))
        else if (key[depth - 1] == "oneOf")
            printf ".SS %s\n%s\n", roff(title), roff(string(line))
    }
    close(file)
    if (!n) {
        print "members.awk: cannot read " file > "/dev/stderr"
        exit 1
    }
}

/^@MEMBERS [a-z-]+@$/ {
    sub(/@$/, "", $2)
    members(schemas "/" $2 ".schema.json")
    next
}
{ print }
