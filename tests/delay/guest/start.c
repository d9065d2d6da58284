/* start.c: the entry point of guests without a C runtime of their own. */
#include <stdlib.h>

int main(void);
void start(void);
void __main(void);

/* What GCC has main call first: there is nothing to construct. */
void __main(void)
{
}

void start(void)
{
    exit(main());
}
