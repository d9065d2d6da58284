/* target.dll: what the other guests load at the first call. */
int target_add(int a, int b)
{
    return a + b;
}

int target_sub(int a, int b)
{
    return a - b;
}

int target_mul(int a, int b)
{
    return a * b;
}

int target_data = 77;
