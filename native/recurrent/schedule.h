#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "recurrent/kernels.h"

namespace rnn::recurrent {

// The rows of a batch that take part in each time step: the first `rows[t]`, a number that never increases.
struct Schedule {
  int64_t batch;
  std::vector<int64_t> rows;
  // The total rows of all preceding steps.
  std::vector<int64_t> offsets;
  int64_t total = 0;

  Schedule(int64_t batch, std::vector<int64_t> rows);
  int64_t steps() const { return static_cast<int64_t>(rows.size()); }
  // The borders of `count` parts of the batch with nearly equal numbers of steps.
  std::vector<int64_t> shares(int64_t count) const;
  // The last step of a row.
  int64_t last_step(int64_t row) const;

  // Calls `function(from, to, offset)` for the rows from `first` to `last` in up to two runs: those that continue,
  // whose previous state is in the output of another step, starting at row `offset` of all steps; and those that begin
  // here, with an offset of -1.
  template <typename Function>
  void by_origin(int64_t step, bool reverse, int64_t first, int64_t last, Function function) const {
    if (first >= last) return;
    const int64_t border = std::clamp(continued(step, reverse), first, last);
    if (first < border) function(first, border, offsets[reverse ? step + 1 : step - 1]);
    if (border < last) function(border, last, int64_t{-1});
  }

 private:
  // The number of rows whose previous state is in the output.
  int64_t continued(int64_t step, bool reverse) const {
    if (!reverse) return step > 0 ? rows[step] : 0;
    return step + 1 < steps() ? rows[step + 1] : 0;
  }
};

// The states before a step, from row `row` on: in the history of all steps, or the initial ones (see `by_origin`).
inline Rows state_before(Rows history, const float* first, int64_t width, int64_t offset, int64_t row) {
  if (offset < 0) return {first + row * width, width};
  return {history.data + (offset + row) * history.stride, history.stride};
}

// A sequence of inputs (rows of all steps, inputs). If all steps have the same number of rows, they may be stored in
// any order.
struct Sequence {
  const float* data;
  int64_t row_stride;
  // Negative if each step directly follows the rows of the previous one.
  int64_t step_stride;

  Rows at(const Schedule& schedule, int64_t step, int64_t row) const {
    const int64_t start = step_stride < 0 ? schedule.offsets[step] * row_stride : step * step_stride;
    return {data + start + row * row_stride, row_stride};
  }
};

}  // namespace rnn::recurrent
