/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The subcommands. Each gets the arguments from its own name on and returns the process's exit status: 0, STATUS_FAILED
 * with the reason on standard error, or STATUS_USAGE.
 */
enum status { STATUS_GOOD = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

int command_run(int count, char **arguments);
int command_decode(int count, char **arguments);
int command_top(int count, char **arguments);
int command_explain(int count, char **arguments);
int command_blast(int count, char **arguments);
int command_check(int count, char **arguments);
int command_doctor(int count, char **arguments);
int command_docs(int count, char **arguments);
int command_setup(int count, char **arguments);
