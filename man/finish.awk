# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# The last step of a manual page: its date, and lines of text that end before column 80.
#
#   awk -v date=YYYY-MM-DD -f finish.awk PAGE

{ gsub(/@DATE@/, date) }
/^\.(nf|EX)/ { as_it_is = 1 }
/^\.(fi|EE)/ { as_it_is = 0 }
as_it_is || /^[.']/ || length($0) <= 79 { print; next }
{
    line = ""
    n = split($0, word, " ")
    for (i = 1; i <= n; i++) {
        if (line != "" && length(line) + 1 + length(word[i]) > 79) {
            print line
            # A line must not begin as a request does.
            line = word[i] ~ /^[.']/ ? "\\&" word[i] : word[i]
        } else {
            line = line == "" ? word[i] : line " " word[i]
        }
    }
    print line
}
