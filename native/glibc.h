// Included before every file on Linux x64: binds to the old versions of what newer systems have in new ones, so that a
// build from any of them runs on glibc 2.28 with the C++ library of GCC 8, as LibTorch does. `npm run prebuild` fails
// where something newer comes in.
__asm__(".symver dlerror, dlerror@GLIBC_2.2.5");
__asm__(".symver dlopen, dlopen@GLIBC_2.2.5");
__asm__(".symver dlsym, dlsym@GLIBC_2.2.5");

#ifdef __cplusplus
#define WAIT "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE"
__asm__(".symver " WAIT ", " WAIT "@GLIBCXX_3.4.11");
#undef WAIT

// Read by std::shared_ptr, to save atomic operations while there is one thread only. LibTorch has several.
extern "C" {
__attribute__((weak, visibility("hidden"))) char __libc_single_threaded = 0;
}
#endif
