#include "recurrent/layer.h"

#include <algorithm>
#include <cstring>

#include "recurrent/pack.h"

namespace rnn::recurrent {
namespace {

// A thread is worth waking for this many multiplications: some 40 µs.
constexpr double kWorthAThread = 4e6;
// Fewer rows than this do not keep a core busy with the weights of the input: their products are made for several
// steps at once.
constexpr int64_t kFewRows = 4;
constexpr int64_t kRowsOfInputProducts = 30;
constexpr int64_t kRowsOfAPart = 12;
constexpr int64_t kRowsOfAProduct = 64;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

Floats zeros(int64_t size) {
  Floats floats(size);
  std::fill_n(floats.data(), size, 0.0F);
  return floats;
}

Floats columns(const Kernels& kernels, const float* b, int64_t inner, int64_t count) {
  Floats packed(panels_of(count, kernels.lanes) * inner * kernels.lanes);
  pack_columns(b, count, inner, count, kernels.lanes, packed.data(), inner * kernels.lanes);
  return packed;
}

// How many of the rows have the state before a step in the output; that of the others is the first one.
int64_t continued(const Schedule& schedule, int64_t step, bool reverse) {
  if (!reverse) return step > 0 ? schedule.rows[step] : 0;
  return step + 1 < schedule.steps() ? schedule.rows[step + 1] : 0;
}

// The rows from `first` to `last` in up to two runs, by where their state before the step is.
template <typename Function>
void by_origin(const Schedule& schedule, int64_t step, bool reverse, int64_t first, int64_t last, Function function) {
  if (first >= last) return;
  const int64_t border = std::clamp(continued(schedule, step, reverse), first, last);
  if (first < border) function(first, border, schedule.offsets[reverse ? step + 1 : step - 1]);
  if (border < last) function(border, last, int64_t{-1});
}

Rows state(Rows history, const float* initial, int64_t width, int64_t offset, int64_t row) {
  if (offset < 0) return {initial + row * width, width};
  return {history.data + (offset + row) * history.stride, history.stride};
}

}  // namespace

Schedule::Schedule(int64_t batch, std::vector<int64_t> rows) : batch(batch), rows(std::move(rows)) {
  offsets.reserve(this->rows.size());
  for (const int64_t count : this->rows) {
    offsets.push_back(total);
    total += count;
  }
}

std::vector<int64_t> Schedule::shares(int64_t count) const {
  std::vector<int64_t> borders{0};
  // The steps of all rows so far, of which the longest come first.
  int64_t done = 0, length = steps();
  for (int64_t row = 0; row < batch; row++) {
    while (length > 0 && rows[static_cast<size_t>(length - 1)] <= row) length--;
    done += length;
    const auto shared = static_cast<int64_t>(borders.size());
    if (shared < count && row + 1 < batch && 2 * count * done >= 2 * shared * total - count * length)
      borders.push_back(row + 1);
  }
  borders.push_back(batch);
  return borders;
}

ForwardWeights::ForwardWeights(const Kernels& kernels, const LayerShape& shape, const LayerParameters& parameters,
                               WeightType type)
    : type(type) {
  const int64_t lanes = kernels.lanes, gates = gates_of(shape.cell), panels = panels_of(shape.units, lanes);
  const auto length = [&](int64_t inputs) { return type == WeightType::kFloat32 ? inputs : pairs_of(inputs); };
  const auto pack = type == WeightType::kFloat32 ? pack_gates : pack_gates_bfloat16;
  h_offset = length(shape.inputs) * gates * lanes;
  panel_stride = h_offset + length(shape.outputs()) * gates * lanes;
  // Only a last panel that is not full needs the zeros.
  this->panels = shape.units % lanes == 0 ? Floats(panels * panel_stride) : zeros(panels * panel_stride);
  pack(parameters.weight_x, gates, shape.units, shape.inputs, lanes, this->panels.data(), panel_stride);
  pack(parameters.weight_h, gates, shape.units, shape.outputs(), lanes, this->panels.data() + h_offset, panel_stride);
  start = Floats(panels * sums_of(shape.cell) * lanes);
  pack_bias(shape.cell, parameters.bias_x, parameters.bias_h, shape.units, lanes, start.data());
  if (shape.projection > 0) {
    projection = zeros(panels_of(shape.projection, lanes) * shape.units * lanes);
    pack_gates(parameters.weight_projection, 1, shape.projection, shape.units, lanes, projection.data(),
               shape.units * lanes);
  }
}

BackwardWeights::BackwardWeights(const Kernels& kernels, const LayerShape& shape, const LayerParameters& parameters)
    : x(columns(kernels, parameters.weight_x, shape.gates(), shape.inputs)),
      h(columns(kernels, parameters.weight_h, shape.gates(), shape.outputs())) {
  if (shape.projection > 0) projection = columns(kernels, parameters.weight_projection, shape.projection, shape.units);
}

// A piece of work that depends on no other.
struct Layer::Task {
  int64_t operations;
  std::function<void()> run;
};

// Some rows of one direction.
struct Layer::Part {
  size_t direction;
  int64_t first;
  int64_t last;
};

int64_t Layer::useful_threads(double operations) const {
  return std::clamp(static_cast<int64_t>(operations / kWorthAThread), int64_t{1}, threads);
}

std::vector<Layer::Part> Layer::parts(size_t directions) const {
  // Two parts for each thread even out what threads and rows of unequal speed and length leave undone.
  const auto wanted = divide_up(2 * threads, static_cast<int64_t>(directions));
  const int64_t least =
      divide_up(schedule.batch, threads) < kRowsOfAPart ? divide_up(schedule.batch, threads) : kRowsOfAPart;
  const int64_t count = threads == 1 ? 1 : std::clamp(schedule.batch / std::max(least, int64_t{1}), int64_t{1}, wanted);
  const std::vector<int64_t> borders = schedule.shares(count);
  std::vector<Part> parts;
  for (size_t i = 1; i < borders.size(); i++) {
    for (size_t d = 0; d < directions; d++) parts.push_back({d, borders[i - 1], borders[i]});
  }
  return parts;
}

void Layer::forward(const std::vector<DirectionForward>& directions) const {
  const double operations = static_cast<double>(schedule.total) * static_cast<double>(shape.gates()) *
                            static_cast<double>(shape.inputs + shape.outputs()) *
                            static_cast<double>(directions.size());
  Layer layer = *this;
  layer.threads = useful_threads(operations);
  const auto parts = layer.parts(directions.size());
  pool.run(static_cast<int64_t>(parts.size()), layer.threads, [&](int64_t i) {
    const Part& part = parts[static_cast<size_t>(i)];
    forward_rows(directions[part.direction], part.first, part.last);
  });
}

void Layer::forward_rows(const DirectionForward& direction, int64_t first, int64_t last) const {
  const int64_t lanes = kernels.lanes, units = shape.units, outputs = shape.outputs();
  const int64_t sums = panels_of(units, lanes) * sums_of(shape.cell) * lanes;
  const float* x_weights = direction.weights->panels.data();
  const float* h_weights = x_weights + direction.weights->h_offset;
  const bool bfloat16 = direction.weights->type == WeightType::kBfloat16;
  const bool lstm = shape.cell == CellKind::kLstm;
  if (lstm && direction.cell_states == nullptr && direction.c_last != direction.c_first) {
    std::copy(direction.c_first + first * units, direction.c_first + last * units, direction.c_last + first * units);
  }

  const bool project = !bfloat16 && last - first < kFewRows && schedule.steps() > 1;
  const int64_t block = project ? kRowsOfInputProducts / (last - first) : 1;
  Floats inputs(project ? kRowsOfInputProducts * shape.inputs : 0);
  Floats projected(project ? kRowsOfInputProducts * sums : 0);
  std::vector<int64_t> starts(static_cast<size_t>(block));
  std::vector<uint32_t> pairs(
      static_cast<size_t>(bfloat16 ? (last - first) * (pairs_of(shape.inputs) + pairs_of(outputs)) : 0));
  Floats unprojected(shape.projection > 0 && direction.unprojected == nullptr ? (last - first) * units : 0);

  const int64_t steps = schedule.steps();
  const auto step_at = [&](int64_t i) { return direction.reverse ? steps - 1 - i : i; };
  for (int64_t i = 0; i < steps; i++) {
    const int64_t t = step_at(i), end = std::min(last, schedule.rows[t]);
    if (project && i % block == 0) {
      int64_t count = 0;
      for (int64_t j = i; j < std::min(i + block, steps); j++) {
        starts[static_cast<size_t>(j - i)] = count;
        for (int64_t row = first; row < std::min(last, schedule.rows[step_at(j)]); row++, count++) {
          const float* from = x.at(schedule, step_at(j), row).data;
          std::copy(from, from + shape.inputs, inputs.data() + count * shape.inputs);
        }
      }
      kernels.multiply_inputs({
          .cell = shape.cell,
          .rows = count,
          .units = units,
          .x = {inputs.data(), shape.inputs},
          .inputs = shape.inputs,
          .weights = x_weights,
          .panel_stride = direction.weights->panel_stride,
          .start = direction.weights->start.data(),
          .sums = {projected.data(), sums},
      });
    }
    by_origin(schedule, t, direction.reverse, first, end, [&](int64_t from, int64_t to, int64_t before) {
      const int64_t row = schedule.offsets[t] + from;
      const Rows history = {direction.y.data, direction.y.stride};
      MutableRows y = {direction.y.data + row * direction.y.stride, direction.y.stride};
      if (shape.projection > 0) {
        y = direction.unprojected ? MutableRows{direction.unprojected + row * units, units}
                                  : MutableRows{unprojected.data(), units};
      }
      const Rows h = state(history, direction.h_first, outputs, before, from);
      CellStep step = {
          .cell = shape.cell,
          .rows = to - from,
          .units = units,
          .x = x.at(schedule, t, from),
          .inputs = shape.inputs,
          .h = h,
          .states = outputs,
          .x_weights = x_weights,
          .h_weights = h_weights,
          .panel_stride = direction.weights->panel_stride,
          .start = {direction.weights->start.data(), 0},
          .c_before = {},
          .c = {},
          .h_before = h,
          .y = y,
          .pairs = pairs.data(),
          .gates = {},
          .backwards = i % 2 == 1,
      };
      if (project) {
        step.inputs = 0;
        step.start = {projected.data() + (starts[static_cast<size_t>(i % block)] + from - first) * sums, sums};
      }
      if (direction.gates != nullptr) step.gates = {direction.gates + row * shape.saved(), shape.saved()};
      if (lstm && direction.cell_states != nullptr) {
        step.c_before = state({direction.cell_states, units}, direction.c_first, units, before, from);
        step.c = {direction.cell_states + row * units, units};
      } else if (lstm) {
        step.c = {direction.c_last + from * units, units};
        step.c_before = {step.c.data, units};
      }
      bfloat16 ? kernels.step_bfloat16(step) : kernels.step(step);
      if (shape.projection > 0) {
        kernels.multiply({
            .rows = to - from,
            .columns = outputs,
            .inner = units,
            .a = {y.data, y.stride},
            .a_step = 1,
            .b = direction.weights->projection.data(),
            .b_step = kernels.lanes,
            .panel_stride = units * lanes,
            .c = {direction.y.data + row * direction.y.stride, direction.y.stride},
            .accumulate = false,
        });
      }
    });
  }

  // The last step of a row that reads forwards is where it ends; backwards, it is the first.
  for (int64_t row = first; row < last; row++) {
    const auto ended = [&] {
      return std::partition_point(schedule.rows.begin(), schedule.rows.end(), [&](int64_t n) { return n > row; });
    };
    const int64_t t = direction.reverse ? 0 : ended() - schedule.rows.begin() - 1;
    const int64_t at = schedule.offsets[t] + row;
    std::copy_n(direction.y.data + at * direction.y.stride, outputs, direction.h_last + row * outputs);
    if (lstm && direction.cell_states != nullptr) {
      std::copy_n(direction.cell_states + at * units, units, direction.c_last + row * units);
    }
  }
}

void Layer::backward(const std::vector<DirectionBackward>& directions, float* dx) const {
  const double operations = 2 * static_cast<double>(schedule.total) * static_cast<double>(shape.gates()) *
                            static_cast<double>(shape.inputs + shape.outputs()) *
                            static_cast<double>(directions.size());
  Layer layer = *this;
  layer.threads = useful_threads(operations);
  const auto parts = layer.parts(directions.size());
  pool.run(static_cast<int64_t>(parts.size()), layer.threads, [&](int64_t i) {
    const Part& part = parts[static_cast<size_t>(i)];
    backward_rows(directions[part.direction], part.first, part.last);
  });

  std::vector<Task> tasks;
  for (const DirectionBackward& direction : directions) {
    for (Task& task : layer.weight_gradients(direction)) tasks.push_back(std::move(task));
  }
  if (dx != nullptr) {
    const int64_t count = layer.threads == 1 ? 1 : std::min(schedule.total, 2 * layer.threads);
    for (int64_t i = 0; i < count; i++) {
      tasks.push_back({schedule.total / count * shape.inputs * shape.gates(), [&, i, count] {
                         input_gradient(directions, dx, schedule.total * i / count, schedule.total * (i + 1) / count);
                       }});
    }
  }
  // The longest first: at the end, no thread waits for a long one.
  std::stable_sort(tasks.begin(), tasks.end(),
                   [](const Task& a, const Task& b) { return a.operations > b.operations; });
  pool.run(static_cast<int64_t>(tasks.size()), layer.threads, [&](int64_t i) { tasks[static_cast<size_t>(i)].run(); });
}

void Layer::backward_rows(const DirectionBackward& direction, int64_t first, int64_t last) const {
  const int64_t units = shape.units, outputs = shape.outputs(), sums = shape.sums_stride();
  const bool lstm = shape.cell == CellKind::kLstm;
  Floats unprojected(shape.projection > 0 ? (last - first) * units : 0);
  for (int64_t i = 0; i < schedule.steps(); i++) {
    const int64_t t = direction.reverse ? i : schedule.steps() - 1 - i, end = std::min(last, schedule.rows[t]);
    by_origin(schedule, t, direction.reverse, first, end, [&](int64_t from, int64_t to, int64_t before) {
      const int64_t row = schedule.offsets[t] + from;
      CellGradient step = {
          .cell = shape.cell,
          .rows = to - from,
          .units = units,
          .gates = {direction.gates + row * shape.saved(), shape.saved()},
          .c_before = {},
          .c = {},
          .h_before = state(direction.y, direction.h_first, outputs, before, from),
          .h = {direction.y.data + row * direction.y.stride, direction.y.stride},
          .y = {},
          .dh = {direction.dh + from * outputs, outputs},
          .dc = {},
          .sums = {direction.dsums + row * sums, sums},
      };
      if (direction.dy.data != nullptr) {
        step.y = {direction.dy.data + row * direction.dy.stride, direction.dy.stride};
      }
      if (lstm) {
        step.c_before = state({direction.cell_states, units}, direction.c_first, units, before, from);
        step.c = {direction.cell_states + row * units, units};
        step.dc = {direction.dc + from * units, units};
      }
      const MutableRows dh = step.dh;
      if (shape.projection > 0) {
        float* projected = direction.dprojected + row * outputs;
        for (int64_t r = 0; r < step.rows; r++) {
          for (int64_t u = 0; u < outputs; u++) {
            const float dy = step.y.data == nullptr ? 0 : step.y.data[r * step.y.stride + u];
            projected[r * outputs + u] = dh.data[r * outputs + u] + dy;
          }
        }
        kernels.multiply({
            .rows = step.rows,
            .columns = units,
            .inner = outputs,
            .a = {projected, outputs},
            .a_step = 1,
            .b = direction.weights->projection.data(),
            .b_step = kernels.lanes,
            .panel_stride = outputs * kernels.lanes,
            .c = {unprojected.data(), units},
            .accumulate = false,
        });
        step.y = {};
        step.dh = {unprojected.data(), units};
      }
      kernels.differentiate(step);
      kernels.multiply({
          .rows = step.rows,
          .columns = outputs,
          .inner = shape.gates(),
          .a = {step.sums.data, sums},
          .a_step = 1,
          .b = direction.weights->h.data(),
          .b_step = kernels.lanes,
          .panel_stride = shape.gates() * kernels.lanes,
          .c = dh,
          .accumulate = shape.cell == CellKind::kGru,
      });
    });
  }
}

void Layer::input_gradient(const std::vector<DirectionBackward>& directions, float* dx, int64_t first,
                           int64_t last) const {
  bool accumulate = false;
  for (const DirectionBackward& direction : directions) {
    const auto add = [&](int64_t column, int64_t inner, int64_t weight_row) {
      kernels.multiply({
          .rows = last - first,
          .columns = shape.inputs,
          .inner = inner,
          .a = {direction.dsums + first * shape.sums_stride() + column, shape.sums_stride()},
          .a_step = 1,
          .b = direction.weights->x.data() + weight_row * kernels.lanes,
          .b_step = kernels.lanes,
          .panel_stride = shape.gates() * kernels.lanes,
          .c = {dx + first * shape.inputs, shape.inputs},
          .accumulate = accumulate,
      });
      accumulate = true;
    };
    if (shape.cell == CellKind::kGru) {
      add(0, 2 * shape.units, 0);
      add(3 * shape.units, shape.units, 2 * shape.units);
    } else {
      add(0, shape.gates(), 0);
    }
  }
}

// The inputs beside the rows of all steps.
std::vector<Run> Layer::input_runs() const {
  const int64_t batch = schedule.batch, steps = schedule.steps();
  if (x.step_stride < 0 || (schedule.total == batch * steps && x.step_stride == batch * x.row_stride)) {
    return {{0, 1, schedule.total, {x.data, x.row_stride}}};
  }
  std::vector<Run> runs;
  if (schedule.total == batch * steps && batch < steps) {
    for (int64_t row = 0; row < batch; row++) {
      runs.push_back({row, batch, steps, {x.data + row * x.row_stride, x.step_stride}});
    }
  } else {
    for (int64_t t = 0; t < steps; t++) {
      runs.push_back({schedule.offsets[t], 1, schedule.rows[t], {x.data + t * x.step_stride, x.row_stride}});
    }
  }
  return runs;
}

// The states before each step.
std::vector<Run> Layer::state_runs(const DirectionBackward& direction) const {
  const int64_t outputs = shape.outputs();
  std::vector<Run> runs;
  for (int64_t t = 0; t < schedule.steps(); t++) {
    by_origin(schedule, t, direction.reverse, 0, schedule.rows[t], [&](int64_t from, int64_t to, int64_t before) {
      const Run run = {schedule.offsets[t] + from, 1, to - from,
                       state(direction.y, direction.h_first, outputs, before, from)};
      Run* last = runs.empty() ? nullptr : &runs.back();
      if (last != nullptr && last->first + last->count == run.first && last->b.stride == run.b.stride &&
          last->b.data + last->count * last->b.stride == run.b.data) {
        last->count += run.count;
      } else {
        runs.push_back(run);
      }
    });
  }
  return runs;
}

std::vector<Layer::Task> Layer::weight_gradients(const DirectionBackward& direction) const {
  std::vector<Task> tasks;
  // Splits the rows of the gradients among the threads.
  const auto add = [&](TransposedProduct product) {
    std::erase_if(product.sides, [](const auto& side) { return side.c == nullptr; });
    std::erase(product.sums, nullptr);
    if (product.sides.empty() && product.sums.empty()) return;
    int64_t columns = 0;
    for (const auto& side : product.sides) columns += side.columns;
    // Each part reads the right-hand sides anew.
    const int64_t most = threads == 1 ? 1 : 2 * threads;
    const int64_t count = std::clamp(product.rows / kRowsOfAProduct, int64_t{1}, most);
    for (int64_t i = 0; i < count; i++) {
      // Whole blocks, but for the last.
      const auto border = [&](int64_t n) {
        return n == count ? product.rows : product.rows * n / count / kernels.rows * kernels.rows;
      };
      if (border(i) == border(i + 1)) continue;
      const int64_t from = border(i), to = border(i + 1);
      tasks.push_back(
          {(to - from) * product.inner * columns, [this, product, from, to] { product.part(from, to).run(kernels); }});
    }
  };

  const int64_t units = shape.units, sums = shape.sums_stride();
  const auto inputs = std::make_shared<std::vector<Run>>(input_runs());
  const auto states = std::make_shared<std::vector<Run>>(state_runs(direction));
  // From a column of dsums on, gradients of the gates from `gate` on, by way of x, of h, or of both.
  const auto of_gates = [&](int64_t column, int64_t rows, int64_t gate, bool of_x, bool of_h) {
    const auto at = [gate](float* gradient, int64_t width) {
      return gradient == nullptr ? nullptr : gradient + gate * width;
    };
    add({
        .rows = rows,
        .inner = schedule.total,
        .a = {direction.dsums + column, sums},
        .sides = {{inputs, shape.inputs, of_x ? at(direction.dweight_x, shape.inputs) : nullptr},
                  {states, shape.outputs(), of_h ? at(direction.dweight_h, shape.outputs()) : nullptr}},
        .sums = {of_x ? at(direction.dbias_x, 1) : nullptr, of_h ? at(direction.dbias_h, 1) : nullptr},
    });
  };
  if (shape.cell == CellKind::kGru) {
    of_gates(0, 2 * units, 0, true, true);
    of_gates(2 * units, units, 2 * units, false, true);
    of_gates(3 * units, units, 2 * units, true, false);
  } else {
    of_gates(0, shape.gates(), 0, true, true);
  }
  if (shape.projection > 0) {
    const auto unprojected =
        std::make_shared<std::vector<Run>>(std::vector<Run>{{0, 1, schedule.total, {direction.unprojected, units}}});
    add({
        .rows = shape.outputs(),
        .inner = schedule.total,
        .a = {direction.dprojected, shape.outputs()},
        .sides = {{unprojected, units, direction.dweight_projection}},
        .sums = {},
    });
  }
  return tasks;
}

}  // namespace rnn::recurrent
