#include "serve/forward.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "recurrent/layer.h"
#include "serve/finite.h"

namespace rnn::serve {
namespace {

// The memory of one block of steps: input and outputs of a layer stay in the L2 cache.
constexpr int64_t kFloatsOfBlock = 64 << 10;
constexpr int64_t kLeastRows = 64;
// The rows that the head computes at once, and the number of multiplications from which threads pay off.
constexpr int64_t kRowsOfHead = 48;
constexpr double kWorthThreads = 4e6;
// 16 MB
constexpr size_t kMostSums = 2 << 20;

int32_t first_problem(const Model& model, const Batch& batch, int64_t start, int64_t steps, bool reject) {
  if (model.tokens() > 0) {
    const int32_t* tokens = batch.tokens + start;
    const auto known = [&](int32_t token) { return token >= 0 && token < model.tokens(); };
    const int32_t* found = std::find_if_not(tokens, tokens + steps, known);
    return found == tokens + steps ? -1 : static_cast<int32_t>(found - tokens);
  }
  if (!reject) return -1;
  return static_cast<int32_t>(first_not_finite(batch.values + start * model.inputs, steps * model.inputs));
}

}  // namespace

// One batch. Its rows are the sequences without a problem, the longest first.
class Forward::Pass {
 public:
  Pass(Forward& of, const Batch& batch, bool reject) : of_(of), model_(of.model_), batch_(batch) {
    int64_t start = 0;
    for (const int32_t steps : batch.steps) {
      starts_.push_back(start);
      results_.problems.push_back(first_problem(model_, batch, start, steps, reject));
      start += steps;
    }
    for (size_t i = 0; i < batch.steps.size(); i++) {
      if (results_.problems[i] < 0) order_.push_back(i);
    }
    int64_t place = 0;
    for (const size_t i : order_) {
      places_.resize(i + 1);
      places_[i] = place;
      place += model_.output == Output::kSequence ? batch.steps[i] : 1;
    }
    results_.outputs = Floats(place * model_.outputs());
    std::stable_sort(order_.begin(), order_.end(), [&](size_t a, size_t b) { return batch.steps[a] > batch.steps[b]; });
  }

  Results run() {
    if (order_.empty()) return std::move(results_);
    const int64_t layers = model_.layers, directions = model_.directions;
    h_ = of_.h_.floats(layers * directions * rows() * model_.hidden());
    c_ = model_.has_cells() ? of_.c_.floats(layers * directions * rows() * model_.units) : nullptr;
    std::fill_n(h_, layers * directions * rows() * model_.hidden(), 0.0F);
    if (c_ != nullptr) std::fill_n(c_, layers * directions * rows() * model_.units, 0.0F);
    const int64_t pooled = rows() * model_.width();
    if (model_.output == Output::kMean) of_.sums_.assign(static_cast<size_t>(pooled), 0);
    if (model_.output == Output::kMax) {
      std::fill_n(of_.pooled_.floats(pooled), pooled, -std::numeric_limits<float>::infinity());
    }
    const int64_t steps = steps_of(0);
    int64_t active = rows();
    for (int64_t first = 0; first < steps;) {
      // The number of rows at each step never increases.
      const int64_t most = model_.directions > 1 ? steps : steps_of_block(active);
      std::vector<int64_t> counts;
      for (int64_t t = first; t < std::min(first + most, steps); t++) {
        while (steps_of(active - 1) <= t) active--;
        counts.push_back(active);
      }
      const auto count = static_cast<int64_t>(counts.size()), widest = counts[0];
      const Schedule schedule(widest, std::move(counts));
      consume(schedule, first, block(schedule, first));
      first += count;
    }
    if (model_.output != Output::kSequence) finish();
    return std::move(results_);
  }

 private:
  int64_t rows() const { return static_cast<int64_t>(order_.size()); }
  int64_t steps_of(int64_t row) const { return batch_.steps[order_[static_cast<size_t>(row)]]; }

  int64_t steps_of_block(int64_t active) const {
    const int64_t of_row = model_.inputs + 2 * model_.width();
    return std::max<int64_t>(1, std::max(kLeastRows, of_.threads_ * kFloatsOfBlock / of_row) / active);
  }

  float* state(float* all, int64_t layer, int64_t direction, int64_t width) const {
    return all + (layer * model_.directions + direction) * rows() * width;
  }

  // The network's output at the steps of the schedule, which begins with step `first`.
  const float* block(const Schedule& schedule, int64_t first) {
    const float* x = gather(schedule, first);
    float* below = of_.below_.floats(schedule.total * model_.width());
    float* above = model_.layers > 1 ? of_.above_.floats(schedule.total * model_.width()) : nullptr;
    std::vector<DirectionForward> runs;
    for (int64_t index = 0; index < model_.layers; index++) {
      const LayerShape shape = model_.layer(index);
      float* y = index % 2 == 0 ? below : above;
      runs.clear();
      for (int64_t d = 0; d < model_.directions; d++) {
        float* h = state(h_, index, d, shape.outputs());
        float* c = c_ == nullptr ? nullptr : state(c_, index, d, shape.units);
        runs.push_back({.reverse = d == 1,
                        .weights = &model_.weights(index, d),
                        .h_first = h,
                        .c_first = c,
                        .h_last = h,
                        .c_last = c,
                        .y = {y + d * shape.outputs(), model_.width()},
                        .gates = nullptr,
                        .cell_states = nullptr,
                        .unprojected = nullptr});
      }
      Layer{.kernels = model_.kernels,
            .shape = shape,
            .schedule = schedule,
            .x = {.data = x, .row_stride = shape.inputs, .step_stride = -1},
            .pool = of_.pool_,
            .threads = of_.threads_}
          .forward(runs);
      x = y;
    }
    return x;
  }

  // The input of the first layer, step by step.
  const float* gather(const Schedule& schedule, int64_t first) {
    const int64_t inputs = model_.inputs;
    float* x = of_.input_.floats(schedule.total * inputs);
    float* to = x;
    for (int64_t t = 0; t < schedule.steps(); t++) {
      for (int64_t row = 0; row < schedule.rows[static_cast<size_t>(t)]; row++, to += inputs) {
        const int64_t at = starts_[order_[static_cast<size_t>(row)]] + first + t;
        const float* from = model_.tokens() > 0 ? model_.around->embedding.data() + batch_.tokens[at] * inputs
                                                : batch_.values + at * inputs;
        std::copy_n(from, inputs, to);
      }
    }
    return x;
  }

  void consume(const Schedule& schedule, int64_t first, const float* y) {
    if (model_.output == Output::kSequence) {
      const auto place = [&](int64_t t, int64_t row) { return places_[order_[static_cast<size_t>(row)]] + first + t; };
      std::vector<int64_t> places;
      places.reserve(static_cast<size_t>(schedule.total));
      for (int64_t t = 0; t < schedule.steps(); t++) {
        for (int64_t row = 0; row < schedule.rows[static_cast<size_t>(t)]; row++) places.push_back(place(t, row));
      }
      head(y, places);
    } else if (model_.output != Output::kLast) {
      for (size_t t = 0; t < schedule.rows.size(); t++) {
        pool(y + schedule.offsets[t] * model_.width(), schedule.rows[t] * model_.width());
      }
    }
  }

  void pool(const float* y, int64_t count) {
    if (model_.output == Output::kMean) {
      double* sums = of_.sums_.data();
      for (int64_t i = 0; i < count; i++) sums[i] += y[i];
    } else {
      // A NaN stays, as in LibTorch.
      float* most = of_.pooled_.floats(count);
      for (int64_t i = 0; i < count; i++) most[i] = y[i] > most[i] || y[i] != y[i] ? y[i] : most[i];
    }
  }

  // The outputs of whole sequences.
  void finish() {
    const int64_t width = model_.width(), hidden = model_.hidden(), directions = model_.directions;
    float* features = of_.pooled_.floats(rows() * width);
    if (model_.output == Output::kMean) {
      for (int64_t row = 0, i = 0; row < rows(); row++) {
        const auto steps = static_cast<double>(steps_of(row));
        for (const int64_t end = i + width; i < end; i++) {
          features[i] = static_cast<float>(of_.sums_[static_cast<size_t>(i)] / steps);
        }
      }
    } else if (model_.output == Output::kLast) {
      for (int64_t d = 0; d < directions; d++) {
        const float* h = state(h_, model_.layers - 1, d, hidden);
        for (int64_t row = 0; row < rows(); row++) {
          std::copy_n(h + row * hidden, hidden, features + row * width + d * hidden);
        }
      }
    }
    std::vector<int64_t> places;
    for (const size_t i : order_) places.push_back(places_[i]);
    head(features, places);
  }

  // The head for rows of features, whose outputs belong to these places.
  void head(const float* features, const std::vector<int64_t>& places) {
    const ModelWeights& around = *model_.around;
    const auto count = static_cast<int64_t>(places.size());
    const int64_t width = model_.width(), outputs = around.outputs, parts = (count + kRowsOfHead - 1) / kRowsOfHead;
    const double operations = static_cast<double>(count) * static_cast<double>(width) * static_cast<double>(outputs);
    const int64_t threads = operations < kWorthThreads ? 1 : std::min(of_.threads_, parts);
    float* memory = of_.head_.floats(threads * kRowsOfHead * outputs);
    const auto compute = [&](int64_t part, float* y) {
      const int64_t from = part * kRowsOfHead, to = std::min(from + kRowsOfHead, count);
      around.apply(model_.kernels, to - from, {features + from * width, width}, y);
      for (int64_t row = from; row < to; row++) {
        std::copy_n(y + (row - from) * outputs, outputs,
                    results_.outputs.data() + places[static_cast<size_t>(row)] * outputs);
      }
    };
    if (threads == 1) {
      for (int64_t part = 0; part < parts; part++) compute(part, memory);
      return;
    }
    of_.pool_.run(threads, threads, [&](int64_t share) {
      for (int64_t part = share; part < parts; part += threads) compute(part, memory + share * kRowsOfHead * outputs);
    });
  }

  Forward& of_;
  const Model& model_;
  const Batch& batch_;
  Results results_;
  // Of each sequence: its first step in the batch, and its first row in the results.
  std::vector<int64_t> starts_, places_;
  // The sequence of each row.
  std::vector<size_t> order_;
  float* h_ = nullptr;
  float* c_ = nullptr;
};

Results Forward::run(const Batch& batch, bool reject) {
  Results results = Pass(*this, batch, reject).run();
  for (Scratch* scratch : {&input_, &below_, &above_, &h_, &c_, &pooled_, &head_}) scratch->trim();
  if (sums_.size() > kMostSums) sums_ = {};
  return results;
}

}  // namespace rnn::serve
