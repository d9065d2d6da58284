/* hello.exe: does a whole program run? Prints a line and its arguments; the first is its exit
 * status. */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    printf("hello from a Windows program\n");
    for (int i = 1; i < argc; i++)
        printf("argv[%d] = %s\n", i, argv[i]);
    return argc > 1 ? atoi(argv[1]) : 0;
}
