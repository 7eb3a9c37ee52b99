#include "recurrent/layer.h"

#include <algorithm>

namespace rnn::recurrent {
namespace {

// Waking a thread pays off from this many multiplications on: about 40 µs.
constexpr double kWorthAThread = 4e6;
constexpr int64_t kRowsOfAPart = 12;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

// A range of rows of one direction.
struct Layer::Part {
  size_t direction;
  int64_t first;
  int64_t last;
};

int64_t Layer::useful_threads(double operations) const {
  return std::clamp(static_cast<int64_t>(operations / kWorthAThread), int64_t{1}, threads);
}

std::vector<Layer::Part> Layer::parts(size_t directions) const {
  // Two parts per thread balance the load between threads of different speed and rows of different length.
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
    forward_rows(*this, directions[part.direction], part.first, part.last);
  });
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
    backward_rows(*this, directions[part.direction], part.first, part.last);
  });

  std::vector<Task> tasks;
  for (const DirectionBackward& direction : directions) {
    for (Task& task : weight_gradients(layer, direction)) tasks.push_back(std::move(task));
  }
  if (dx != nullptr) {
    const int64_t count = layer.threads == 1 ? 1 : std::min(schedule.total, 2 * layer.threads);
    for (int64_t i = 0; i < count; i++) {
      tasks.push_back({schedule.total / count * shape.inputs * shape.gates(), [&, i, count] {
                         input_gradient(*this, directions, dx, schedule.total * i / count,
                                        schedule.total * (i + 1) / count);
                       }});
    }
  }
  // The longest first, so that no thread waits for a long task at the end.
  std::stable_sort(tasks.begin(), tasks.end(),
                   [](const Task& a, const Task& b) { return a.operations > b.operations; });
  pool.run(static_cast<int64_t>(tasks.size()), layer.threads, [&](int64_t i) { tasks[static_cast<size_t>(i)].run(); });
}

}  // namespace rnn::recurrent
