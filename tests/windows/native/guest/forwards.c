/* forwards.c: exports that lead into DLLs of the system (forwards.def). */
int of_forwards;
