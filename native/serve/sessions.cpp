#include "serve/sessions.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "serve/finite.h"

namespace rnn::serve {
namespace {

// The states of a block stay in the L1 and L2 caches.
constexpr int64_t kRowsOfBlock = 48;
constexpr int64_t kCacheLine = 16;

// The maximum number of bfloat16 pairs in a row of any layer.
int64_t most_pairs(const Model& model) {
  return pairs_of(std::max(model.inputs, model.hidden())) + pairs_of(model.hidden());
}

// Not a power of two, since addresses at such distances map to the same few cache sets.
int64_t stride_of(int64_t size) { return (size + kCacheLine - 1) / kCacheLine * kCacheLine + kCacheLine; }

}  // namespace

StateLayout::StateLayout(const Model& model)
    : c(model.layers * model.hidden()), pooled(c + (model.has_cells() ? model.layers * model.units : 0)) {
  const bool pools = model.output == Output::kMean || model.output == Output::kMax;
  size = pooled + (pools ? model.hidden() + 1 : 0);
}

Slots::Slots(const Model& model) : size_(StateLayout(model).size), stride_(stride_of(size_)) {}

int32_t Slots::open() {
  if (free_.empty()) {
    pages_.emplace_back(kSlotsOfPage * stride_);
    const auto first = static_cast<int32_t>(marks_.size());
    marks_.resize(marks_.size() + kSlotsOfPage, Mark::kFree);
    // The lowest is taken first.
    for (int32_t slot = first + kSlotsOfPage; slot > first; slot--) free_.push_back(slot - 1);
  }
  const int32_t slot = free_.back();
  free_.pop_back();
  set_busy(slot, false);
  std::fill_n(state(slot), size_, 0.0F);
  return slot;
}

void Slots::close(int32_t slot) {
  marks_[static_cast<size_t>(slot)] = Mark::kFree;
  free_.push_back(slot);
}

bool Slots::is_open(int32_t slot) const {
  return slot >= 0 && static_cast<size_t>(slot) < marks_.size() && marks_[static_cast<size_t>(slot)] != Mark::kFree;
}

float* Slots::state(int32_t slot) const {
  return pages_[static_cast<size_t>(slot / kSlotsOfPage)].data() + slot % kSlotsOfPage * stride_;
}

// Some sessions of a step. The states after it are computed beside those before it, since h is both read and written.
class Stepper::Block {
 public:
  Block(const Stepper& of, Scratch& scratch, const Step& step, int64_t first, int64_t last)
      : model_(of.model_),
        layout_(of.layout_),
        step_(step),
        first_(first),
        rows_(last - first),
        stride_(stride_of(layout_.size)) {
    const int64_t states = rows_ * stride_, embedded = model_.tokens() > 0 ? rows_ * model_.inputs : 0;
    before_ = scratch.floats(2 * states + embedded + (model_.projection > 0 ? rows_ * model_.units : 0));
    after_ = before_ + states;
    embedded_ = after_ + states;
    unprojected_ = embedded_ + embedded;
    const bool bfloat16 = model_.weights(0, 0).type == WeightType::kBfloat16;
    pairs_.resize(static_cast<size_t>(bfloat16 ? rows_ * most_pairs(model_) : 0));
  }

  void run() {
    for (int64_t row = 0; row < rows_; row++) std::copy_n(state(row), layout_.size, before_ + row * stride_);
    Rows x = inputs();
    for (int64_t layer = 0; layer < model_.layers; layer++) x = run_layer(layer, x);
    if (layout_.size > layout_.pooled) x = pool(x);
    model_.around->apply(model_.kernels, rows_, x, step_.outputs + first_ * model_.outputs());
  }

  // Writes the new states, except those that are not finite if `reject`; adds these to `failed`.
  void keep(bool reject, std::vector<int32_t>& failed) {
    for (int64_t row = 0; row < rows_; row++) {
      const float* after = after_ + row * stride_;
      if (reject && first_not_finite(after, layout_.size) >= 0) {
        failed.push_back(static_cast<int32_t>(first_ + row));
      } else {
        std::copy_n(after, layout_.size, state(row));
      }
    }
  }

 private:
  float* state(int64_t row) const { return step_.states[static_cast<size_t>(first_ + row)]; }

  Rows inputs() {
    const int64_t inputs = model_.inputs;
    if (model_.tokens() == 0) return {step_.values + first_ * inputs, inputs};
    for (int64_t row = 0; row < rows_; row++) {
      std::copy_n(model_.around->embedding.data() + step_.tokens[first_ + row] * inputs, inputs,
                  embedded_ + row * inputs);
    }
    return {embedded_, inputs};
  }

  Rows run_layer(int64_t index, Rows x) {
    const LayerShape shape = model_.layer(index);
    const ForwardWeights& weights = model_.weights(index, 0);
    const int64_t units = shape.units, outputs = shape.outputs(), lanes = model_.kernels.lanes;
    const Rows h = {before_ + index * outputs, stride_};
    const MutableRows y = {after_ + index * outputs, stride_};
    const bool lstm = model_.has_cells();
    const CellStep step = {
        .cell = shape.cell,
        .rows = rows_,
        .units = units,
        .x = x,
        .inputs = shape.inputs,
        .h = h,
        .states = outputs,
        .x_weights = weights.panels.data(),
        .h_weights = weights.panels.data() + weights.h_offset,
        .panel_stride = weights.panel_stride,
        .start = {weights.start.data(), 0},
        .c_before = lstm ? Rows{before_ + layout_.c + index * units, stride_} : Rows{},
        .c = lstm ? MutableRows{after_ + layout_.c + index * units, stride_} : MutableRows{},
        .h_before = h,
        .y = shape.projection > 0 ? MutableRows{unprojected_, units} : y,
        .pairs = pairs_.data(),
        .gates = {},
        .backwards = false,
    };
    weights.type == WeightType::kBfloat16 ? model_.kernels.step_bfloat16(step) : model_.kernels.step(step);
    if (shape.projection > 0) {
      model_.kernels.multiply({
          .rows = rows_,
          .columns = outputs,
          .inner = units,
          .a = {unprojected_, units},
          .a_step = 1,
          .b = weights.projection.data(),
          .b_step = lanes,
          .panel_stride = units * lanes,
          .c = y,
          .accumulate = false,
      });
    }
    return {y.data, y.stride};
  }

  // Adds the network's output to the mean or maximum of all so far.
  Rows pool(Rows y) {
    const int64_t width = model_.hidden();
    for (int64_t row = 0; row < rows_; row++) {
      const float* pooled = before_ + row * stride_ + layout_.pooled;
      const float* of_row = y.data + row * y.stride;
      float* next = after_ + row * stride_ + layout_.pooled;
      const float count = next[width] = pooled[width] + 1;
      if (model_.output == Output::kMean) {
        for (int64_t i = 0; i < width; i++) next[i] = pooled[i] + (of_row[i] - pooled[i]) / count;
      } else {
        // A NaN stays, as in LibTorch.
        for (int64_t i = 0; i < width; i++) {
          const bool greater = !(of_row[i] <= pooled[i]) && !std::isnan(pooled[i]);
          next[i] = count == 1 || greater ? of_row[i] : pooled[i];
        }
      }
    }
    return {after_ + layout_.pooled, stride_};
  }

  const Model& model_;
  const StateLayout& layout_;
  const Step& step_;
  const int64_t first_, rows_, stride_;
  float *before_, *after_, *embedded_, *unprojected_;
  std::vector<uint32_t> pairs_;
};

Stepper::Stepper(const Model& model, ThreadPool& pool, int64_t threads)
    : model_(model), pool_(pool), threads_(threads), layout_(model), scratch_(static_cast<size_t>(threads)) {}

std::vector<int32_t> Stepper::run(const Step& step, bool reject) {
  const auto rows = static_cast<int64_t>(step.states.size());
  const int64_t blocks = (rows + kRowsOfBlock - 1) / kRowsOfBlock, threads = std::min(threads_, blocks);
  std::vector<int32_t> failed;
  std::mutex mutex;
  pool_.run(threads, threads, [&](int64_t share) {
    std::vector<int32_t> own;
    for (int64_t block = share; block < blocks; block += threads) {
      Block rows_of(*this, scratch_[static_cast<size_t>(share)], step, rows * block / blocks,
                    rows * (block + 1) / blocks);
      rows_of.run();
      rows_of.keep(reject, own);
    }
    const std::lock_guard lock(mutex);
    failed.insert(failed.end(), own.begin(), own.end());
  });
  for (Scratch& scratch : scratch_) scratch.trim();
  return failed;
}

}  // namespace rnn::serve
