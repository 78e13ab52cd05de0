/* main.c: patchbay's commands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

static const command *const commands[] = {&command_info, &command_ask, &command_trace, &command_attribute,
                                          &command_edit, &command_flow, &command_knockout, &command_lens,
                                          &command_dump, &command_sweep, &command_report, &command_bench,
                                          &command_demo};

/* Commands that stand under a common name. */
static const struct group {
    const char *name, *summary;
    const command *const *parts; /* ended by NULL */
} groups[] = {
    {"dataset", "question files: bring in, look over, count, annotate", dataset_commands},
};

/* Named in the documentation's plan; they say so until they are there. */
static const char *const planned[] = {"serve"};

static void print_usage(const command *c)
{
    printf("  patchbay %-60s %s\n", c->usage, c->summary);
}

static void print_help(void)
{
    printf("patchbay %s: where a vision-language model keeps the fact it just used\n\n", PATCHBAY_VERSION);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        print_usage(commands[i]);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        for (const command *const *part = groups[i].parts; *part; part++)
            print_usage(*part);
    printf("\nMODEL is a checkpoint folder in the Hugging Face layout, or demo, the embedded model.\n"
           "Each command has its own --help. Try: %s\n",
           command_demo.example);
}

/* The exit code, unless what was printed could not be written. */
static int finish(const char *name, int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "patchbay%s%s: standard output cannot be written\n", *name ? " " : "", name);
    return EXIT_FAILED;
}

static int run_command(const command *c, int argc, char **argv)
{
    settings s;
    if (!options_parse(&s, argc, argv, c->options, c->name)) {
        options_free(&s);
        return EXIT_USAGE;
    }
    int code = EXIT_DONE;
    if (s.help) {
        printf("usage: patchbay %s\n%s\n\nexample: %s\n\n", c->usage, c->summary, c->example);
        options_help(c->options);
    } else {
        code = c->run(&s);
    }
    options_free(&s);
    return finish(c->name, code);
}

/* The line behind the group's name: one of its commands, or --help. */
static int run_group(const struct group *g, int argc, char **argv)
{
    const char *name = argc > 0 ? argv[0] : "";
    size_t n = strlen(g->name) + 1;
    for (const command *const *part = g->parts; *part; part++)
        if (strcmp((*part)->name + n, name) == 0)
            return run_command(*part, argc - 1, argv + 1);
    if (strcmp(name, "--help") != 0 && strcmp(name, "-h") != 0) {
        fprintf(stderr, *name ? "patchbay %s: there is no command %s\nTry: patchbay %s --help\n"
                              : "patchbay %s: needs a command%s\nTry: patchbay %s --help\n", g->name, name, g->name);
        return EXIT_USAGE;
    }
    printf("usage: patchbay %s COMMAND ...\n%s\n\n", g->name, g->summary);
    for (const command *const *part = g->parts; *part; part++)
        print_usage(*part);
    printf("\nexample: %s\n", g->parts[0]->example);
    return finish(g->name, EXIT_DONE);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help();
        return finish("", argc > 1 ? EXIT_DONE : EXIT_USAGE);
    }
    if (strcmp(name, "--version") == 0) {
        printf("patchbay %s\n", PATCHBAY_VERSION);
        return finish("", EXIT_DONE);
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(name, commands[i]->name) == 0)
            return run_command(commands[i], argc - 2, argv + 2);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (strcmp(name, groups[i].name) == 0)
            return run_group(&groups[i], argc - 2, argv + 2);
    for (size_t i = 0; i < sizeof planned / sizeof *planned; i++)
        if (strcmp(name, planned[i]) == 0) {
            fprintf(stderr, "patchbay: the command %s is not there yet; docs/ROADMAP.md says what is\n", name);
            return EXIT_USAGE;
        }
    fprintf(stderr, "patchbay: there is no command %s\nTry: patchbay --help\n", name);
    return EXIT_USAGE;
}
