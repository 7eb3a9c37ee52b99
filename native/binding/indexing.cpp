#include <ATen/TensorIndexing.h>

#include "binding/addon.h"
#include "binding/convert.h"
#include "runtime/tensors.h"

namespace rnn::binding {
namespace {

using at::indexing::TensorIndex;

// An index whose tensor may still be pending.
struct Item {
  std::optional<TensorIndex> index;
  TensorPromisePtr promise;
};

std::optional<c10::SymInt> bound(Napi::Value value) {
  if (value.IsNull() || value.IsUndefined()) return std::nullopt;
  return c10::SymInt(to_int(value, "slice"));
}

// number: select; null: new axis; boolean; '...'; { tensor: id }; [start, stop, step]: slice
Item item_from(const Addon& addon, Napi::Value value) {
  if (value.IsNumber()) return {TensorIndex(to_int(value, "index")), nullptr};
  if (value.IsNull()) return {TensorIndex(at::indexing::None), nullptr};
  if (value.IsBoolean()) return {TensorIndex(value.As<Napi::Boolean>().Value()), nullptr};
  if (value.IsString()) return {TensorIndex("..."), nullptr};
  if (value.IsArray()) {
    const Napi::Array parts = value.As<Napi::Array>();
    return {TensorIndex(at::indexing::Slice(bound(parts.Get(0U)), bound(parts.Get(1U)), bound(parts.Get(2U)))),
            nullptr};
  }
  return {std::nullopt, addon.promise(value.As<Napi::Object>().Get("tensor"))};
}

std::vector<Item> items_from(const Addon& addon, Napi::Value value) {
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<Item> items;
  for (uint32_t i = 0; i < array.Length(); i++) items.push_back(item_from(addon, array.Get(i)));
  return items;
}

// No items select the whole tensor, like x[()].
std::vector<TensorIndex> all_where_empty(std::vector<TensorIndex> indices) {
  if (indices.empty()) indices.emplace_back("...");
  return indices;
}

std::vector<TensorIndex> resolve(const std::vector<Item>& items) {
  std::vector<TensorIndex> indices;
  for (const Item& item : items) indices.push_back(item.promise ? TensorIndex(item.promise->get()) : *item.index);
  return all_where_empty(std::move(indices));
}

// The target of an assignment. LibTorch ignores the value if `false` is the only index; with an ellipsis it does not.
std::vector<TensorIndex> target_of(const std::vector<Item>& items) {
  std::vector<TensorIndex> indices = resolve(items);
  if (indices.size() == 1 && indices[0].is_boolean()) indices.emplace_back("...");
  return indices;
}

Effects effects_of(const std::vector<Item>& items) {
  Effects effects;
  for (const Item& item : items) {
    if (item.promise) effects.reads.push_back(item.promise);
  }
  return effects;
}

// The outline of an indexed tensor that is queued together with its indices.
std::vector<Outline> forecast_of(Addon& addon, const TensorPromisePtr& self, const std::vector<Item>& items) {
  auto found = addon.outline(self);
  if (!found) return {};
  std::vector<TensorIndex> indices;
  for (const Item& item : items) {
    const auto tensor = item.promise ? addon.outline(item.promise) : std::nullopt;
    if (item.promise && !tensor) return {};
    indices.push_back(tensor ? TensorIndex(tensor->meta) : *item.index);
  }
  found->meta = found->meta.index(all_where_empty(std::move(indices)));
  return {*found};
}

// index(tensor, items)
Napi::Value index(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const TensorPromisePtr self = addon.promise(info[0]);
  const auto items = items_from(addon, info[1]);
  Effects effects = effects_of(items);
  effects.reads.push_back(self);
  effects.shares = {self};
  const auto work = [self, items] { return Tensors{self->get().index(resolve(items))}; };
  const auto ids =
      addon.dispatch(effects, 1, work,
                     addon.forecast([&] { return [&addon, self, items] { return forecast_of(addon, self, items); }; }));
  addon.account(info.Env());
  return Napi::Number::New(info.Env(), ids[0]);
}

// indexPut(tensor, items, value): value is { tensor: id } or a number
Napi::Value index_put(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const TensorPromisePtr self = addon.promise(info[0]);
  const auto items = items_from(addon, info[1]);
  Effects effects = effects_of(items);
  std::function<void(at::Tensor)> put;
  if (info[2].IsObject()) {
    const TensorPromisePtr value = addon.promise(info[2].As<Napi::Object>().Get("tensor"));
    effects.reads.push_back(value);
    put = [items, value](at::Tensor target) { target.index_put_(target_of(items), value->get()); };
  } else {
    put = [items, value = to_scalar(info[2])](at::Tensor target) { target.index_put_(target_of(items), value); };
  }
  effects.writes = {self};
  addon.dispatch_void(effects, [self, put] { put(self->get()); });
  return info.Env().Undefined();
}

}  // namespace

void init_indexing(Napi::Object exports) {
  define<index>(exports, "index");
  define<index_put>(exports, "indexPut");
}

}  // namespace rnn::binding
