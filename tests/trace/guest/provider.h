/* provider.h: what calls.exe calls in provider.dll: each a kind of function of its own. */
#ifdef PROVIDER
#define PROVIDED __declspec(dllexport)
#else
#define PROVIDED __declspec(dllimport)
#endif

typedef struct triple {
    long long first, second, third;
} triple;

PROVIDED extern int counter;                      /* data */
PROVIDED double add_all(int count, ...);          /* of doubles: on the stack from the fourth on */
PROVIDED double scale(int by, double x, float y); /* in registers of both kinds */
PROVIDED triple make_triple(int first, int second);   /* the result is memory of the caller */
PROVIDED int count_down(int from, int (*visit)(int)); /* calls back, which calls again */
PROVIDED void leave(void *buffer);                    /* a long jump out of it */
PROVIDED int length_of(const char *text);         /* goes on to an import: no frame of its own */
PROVIDED unsigned end_thread(unsigned exit_code); /* does not return */
