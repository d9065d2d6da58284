/* other.exe: a program that is loaded as a library. */
int main(void)
{
    return 0;
}
