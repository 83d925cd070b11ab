#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd_common.h"
#include "commands.h"

/* qcheck --help and --version, before any command is known. */
static bool answer(const char *word)
{
    struct buf text = BUF_INIT;

    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        commands_help(&text);
    else if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        version_text(&text);
    else
        return false;
    fputs(buf_str(&text), stdout);
    buf_free(&text);
    return true;
}

int main(int argc, char **argv)
{
    const struct command *cmd;

    setlocale(LC_CTYPE, "");
    /* A reader that goes away ends the output, not the program: the status still counts. */
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        fprintf(stderr, "qcheck: which image?\nTry 'qcheck --help'.\n");
        return STATUS_FAILED;
    }
    if (answer(argv[1])) {
        struct out out = { stdout, 0 };

        return finish(&out, STATUS_CLEAN);
    }
    cmd = command_by_name(argv[1]);
    if (cmd)
        return cmd->run(cmd, argc - 1, argv + 1);
    cmd = command_default();
    return cmd->run(cmd, argc, argv);
}
