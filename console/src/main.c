/* SPDX-License-Identifier: MIT */
/* The program `weir`: everything is in command/. */
#include "command/main.h"

int main(int argc, char **argv)
{
    return (int)wc_command_main(argc, argv);
}
