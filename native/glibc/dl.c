// Binds to the symbol versions of old systems, since the linker of a new system would use its own. Linked with `--wrap`
// for each function here. `npm run prebuild` fails if a newer symbol version gets in.
void* old_dlopen(const char* path, int mode);
void* old_dlsym(void* library, const char* name);
char* old_dlerror(void);

__asm__(".symver old_dlopen, dlopen@GLIBC_2.2.5");
__asm__(".symver old_dlsym, dlsym@GLIBC_2.2.5");
__asm__(".symver old_dlerror, dlerror@GLIBC_2.2.5");

void* __wrap_dlopen(const char* path, int mode) { return old_dlopen(path, mode); }
void* __wrap_dlsym(void* library, const char* name) { return old_dlsym(library, name); }
char* __wrap_dlerror(void) { return old_dlerror(); }
