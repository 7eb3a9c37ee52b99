#ifndef _WIN32
#include <sys/file.h>

#include <cerrno>
#endif

#include "binding/addon.h"
#include "binding/convert.h"

namespace rnn::binding {
namespace {

// lockFile(fd) -> whether the file is now locked for its opener: false if another opener holds the lock, null if that
// cannot be determined. The lock is released when the file is closed, however the process ends, and does not block
// readers.
Napi::Value lock_file(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto fd = static_cast<int>(to_int(info[0], "fd"));
#ifdef _WIN32
  static_cast<void>(fd);
  return env.Null();
#else
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return Napi::Boolean::New(env, true);
  return errno == EWOULDBLOCK ? Napi::Value(Napi::Boolean::New(env, false)) : env.Null();
#endif
}

}  // namespace

void init_file(Napi::Object exports) { define<lock_file>(exports, "lockFile"); }

}  // namespace rnn::binding
