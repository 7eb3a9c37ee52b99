#pragma once
#include <c10/util/Exception.h>
#include <napi.h>

#include <memory>
#include <string>

#include "runtime/handles.h"

namespace rnn::binding {

// Traits of the handles that JavaScript holds for C++ objects of type T. `kTag` distinguishes them from all others,
// `kName` names them in errors. Each type has a specialization.
template <typename T>
struct HandleType;

// A handle that owns its object.
template <typename T>
Napi::Value make_handle(Napi::Env env, std::unique_ptr<T> object) {
  const auto handle = Napi::External<std::unique_ptr<T>>::New(
      env, std::make_unique<std::unique_ptr<T>>(std::move(object)).release(),
      [](Napi::Env, std::unique_ptr<T>* collected) { const std::unique_ptr<std::unique_ptr<T>> owner(collected); });
  handle.TypeTag(&HandleType<T>::kTag);
  return handle;
}

// The slot of the object. Throws unless `value` is a handle of this type.
template <typename T>
std::unique_ptr<T>& slot_of(Napi::Value value) {
  const auto handle = value.As<Napi::External<std::unique_ptr<T>>>();
  TORCH_CHECK_TYPE(value.IsExternal() && handle.CheckTypeTag(&HandleType<T>::kTag), "expected a ",
                   HandleType<T>::kName);
  return *handle.Data();
}

// Also throws if the object has been disposed.
template <typename T>
T& object_of(Napi::Value value) {
  std::unique_ptr<T>& slot = slot_of<T>(value);
  if (!slot) throw runtime::DisposedError(std::string("the ") + HandleType<T>::kName + " has been disposed");
  return *slot;
}

}  // namespace rnn::binding
