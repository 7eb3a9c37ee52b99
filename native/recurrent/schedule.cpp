#include "recurrent/schedule.h"

namespace rnn::recurrent {

Schedule::Schedule(int64_t batch, std::vector<int64_t> rows) : batch(batch), rows(std::move(rows)) {
  offsets.reserve(this->rows.size());
  for (const int64_t count : this->rows) {
    offsets.push_back(total);
    total += count;
  }
}

std::vector<int64_t> Schedule::shares(int64_t count) const {
  std::vector<int64_t> borders{0};
  // The total steps of the rows so far; the longest rows come first.
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

int64_t Schedule::last_step(int64_t row) const {
  const auto end = std::partition_point(rows.begin(), rows.end(), [&](int64_t count) { return count > row; });
  return end - rows.begin() - 1;
}

}  // namespace rnn::recurrent
