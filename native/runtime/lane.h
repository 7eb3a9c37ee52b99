#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/cell.h"
#include "runtime/mode.h"

namespace rnn {

// Jobs that were queued together: after the first that fails, the others are skipped.
struct Batch {
  std::exception_ptr error;
};
using BatchPtr = std::shared_ptr<Batch>;

struct Job {
  // Returns one tensor for each of `results`.
  std::function<std::vector<at::Tensor>()> work;
  std::vector<CellPtr> results;
  Mode mode;
  BatchPtr batch;
  // Runs after the work or instead of it, whatever happened before.
  std::function<void()> done;
};

// One thread that runs jobs in their order. Node's own pool is no place for them: its four threads also serve
// files and DNS.
class Lane {
 public:
  Lane();
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  void post(Job job);

  // Keeps jobs from running while a caller on another thread uses LibTorch: the two share parameters, gradients and
  // graphs, on which LibTorch has no locks. The caller goes before the next job.
  class Pause {
   public:
    explicit Pause(Lane& lane);

   private:
    std::unique_lock<std::mutex> lock_;
  };

  void set_num_threads(int threads) { threads_.store(threads); }

 private:
  void loop();
  void run(Job& job);

  std::mutex queue_mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  bool stopping_ = false;
  std::mutex running_;
  std::atomic<int> waiting_ = 0;
  std::atomic<int> threads_ = 0;
  std::thread thread_;
};

}  // namespace rnn
