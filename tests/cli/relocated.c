/* Addresses in data and in code, for relocated.sh. */
int numbers[4000] = {1, 2, 3};
int *pointers[2000] = {numbers, numbers + 7, numbers + 3999};

static int twice(int number)
{
    return 2 * number;
}

int (*functions[])(int) = {twice};

__declspec(dllexport) int *middle(void)
{
    return numbers + 2000;
}

__declspec(dllexport) int *pointer_at(int index)
{
    return pointers[index];
}

__declspec(dllexport) int call(int number)
{
    return functions[0](number) + numbers[number];
}
