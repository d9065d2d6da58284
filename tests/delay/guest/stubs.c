/* stubs.c: what an import library is made from: names only. */
void absent_function(void);
void target_absent(void);
void target_add(void);
void target_extra(void);
void target_mul(void);
void target_sub(void);

void absent_function(void)
{
}

void target_absent(void)
{
}

void target_add(void)
{
}

void target_extra(void)
{
}

void target_mul(void)
{
}

void target_sub(void)
{
}
