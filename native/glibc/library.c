// The same for the main addon: the C++ library of GCC 8, which LibTorch requires, and the math functions of glibc 2.28.

// std::condition_variable::wait(std::unique_lock<std::mutex>&)
#define WAIT _ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE
#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

void old_wait(void* condition, void* lock);
__asm__(".symver old_wait, " TEXT_OF(WAIT) "@GLIBCXX_3.4.11");
void JOIN(__wrap_, WAIT)(void* condition, void* lock) { old_wait(condition, lock); }

double old_pow(double base, double exponent);
__asm__(".symver old_pow, pow@GLIBC_2.2.5");
double __wrap_pow(double base, double exponent) { return old_pow(base, exponent); }

// Before glibc 2.33, fstat was a macro that calls this with the version of the struct.
int old_fxstat(int version, int file, void* status);
__asm__(".symver old_fxstat, __fxstat@GLIBC_2.2.5");
int __wrap_fstat(int file, void* status) { return old_fxstat(1, file, status); }

// std::shared_ptr reads it to avoid atomic operations while there is only one thread. LibTorch has several.
char __libc_single_threaded = 0;
