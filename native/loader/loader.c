// Opens LibTorch by absolute path, so that the main addon, which refers to its libraries without a folder, binds to
// this LibTorch and not to another one on the machine. It reports the version that it was built for and the one that is
// loaded. The caller compares them before it loads the main addon, which would crash with a wrong version.
#ifdef _WIN32
#include <windows.h>
#else
#define _GNU_SOURCE
#include <dlfcn.h>
#endif
#include <inttypes.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <torch/version.h>

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)
#define BUILT_FOR TEXT_OF(TORCH_VERSION_MAJOR) "." TEXT_OF(TORCH_VERSION_MINOR) "." TEXT_OF(TORCH_VERSION_PATCH)

enum { kPathSize = 4096, kMessageSize = 2048 };

#ifdef _WIN32

typedef HMODULE Library;

static Library loaded_library(void) { return GetModuleHandleW(L"torch_cpu.dll"); }

static Library open_library(const char* path, char* message) {
  wchar_t wide[kPathSize];
  if (!MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, kPathSize)) return NULL;
  // Its dependencies are in the same folder; those next to node.exe must not take precedence.
  Library library = LoadLibraryExW(wide, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
  if (!library) snprintf(message, kMessageSize, "LoadLibraryEx failed with error %lu", GetLastError());
  return library;
}

static void* find_symbol(Library library, const char* name) { return (void*)GetProcAddress(library, name); }

#else

typedef void* Library;

#ifdef __APPLE__
static const char kTorchCpu[] = "@rpath/libtorch_cpu.dylib";
#else
static const char kTorchCpu[] = "libtorch_cpu.so";
#endif

static Library loaded_library(void) { return dlopen(kTorchCpu, RTLD_LAZY | RTLD_NOLOAD); }

static Library open_library(const char* path, char* message) {
  // OpenMP reads this variable when it is loaded, together with LibTorch. By default, its threads spin for milliseconds
  // while they wait for each other: if another program occupies the core, a 64 x 64 product, 7 us on one thread, took
  // 24 ms. Without any spinning, it takes 100 us on an idle machine. A thousand iterations, a few microseconds, avoid
  // both. A value set by the user is kept, and child processes inherit nothing.
  const bool decides = !getenv("OMP_WAIT_POLICY") && !getenv("GOMP_SPINCOUNT");
  if (decides) setenv("GOMP_SPINCOUNT", "1000", 1);
  // RTLD_LOCAL: LibTorch's BLAS must not replace that of another addon. The main addon still finds LibTorch by name.
  Library library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (decides) unsetenv("GOMP_SPINCOUNT");
  if (!library) snprintf(message, kMessageSize, "%s", dlerror());
  return library;
}

static void* find_symbol(Library library, const char* name) { return dlsym(library, name); }

#endif

// loaded() -> the version of the LibTorch in this process, 0.0.0 if it is too old to report it, null if there is none
static napi_value loaded(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value result;
  const Library library = loaded_library();
  if (!library) {
    napi_get_null(env, &result);
    return result;
  }
  uint64_t (*abi_version)(void) = NULL;
  *(void**)&abi_version = find_symbol(library, "aoti_torch_abi_version");
  const uint64_t abi = abi_version ? abi_version() : 0;
  char version[64];
  snprintf(version, sizeof version, "%" PRIu64 ".%" PRIu64 ".%" PRIu64, abi >> 56, abi >> 48 & 0xff, abi >> 40 & 0xff);
  napi_create_string_utf8(env, version, NAPI_AUTO_LENGTH, &result);
  return result;
}

// open(path): opens a library for the lifetime of the process; throws with the system's error message
static napi_value open(napi_env env, napi_callback_info info) {
  size_t count = 1;
  size_t length;
  napi_value argument;
  char path[kPathSize];
  char message[kMessageSize] = "the path cannot be converted";
  napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
  if (napi_get_value_string_utf8(env, argument, path, sizeof path, &length) != napi_ok) {
    napi_throw_type_error(env, NULL, "open expects a path");
  } else if (!open_library(path, message)) {
    napi_throw_error(env, NULL, message);
  }
  return NULL;
}

static void set(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function);
  napi_set_named_property(env, exports, name, function);
}

NAPI_MODULE_INIT() {
  napi_value built_for;
  napi_create_string_utf8(env, BUILT_FOR, NAPI_AUTO_LENGTH, &built_for);
  napi_set_named_property(env, exports, "builtFor", built_for);
  set(env, exports, "loaded", loaded);
  set(env, exports, "open", open);
  return exports;
}
