#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "runtime/effects.h"
#include "runtime/forecast.h"
#include "runtime/graph_capture.h"
#include "runtime/mode.h"
#include "runtime/tensors.h"

namespace rnn::runtime {

struct CancelledError : std::runtime_error {
  CancelledError() : std::runtime_error("the operation was cancelled before it began") {}
};

// Jobs that were queued together. After the first failure, or once the batch is cancelled, the remaining jobs are
// skipped.
struct Batch {
  explicit Batch(uint64_t id) : number(id) {}

  const uint64_t number;
  std::atomic<bool> cancelled = false;
  // For the lane, and for code that has waited for the last job.
  std::exception_ptr error;
  // For the JavaScript thread.
  Trace trace;
  // The number of the last queued job.
  uint64_t last_job = 0;
};
using BatchPtr = std::shared_ptr<Batch>;

struct Job {
  // Returns one tensor for each of `results`.
  std::function<Tensors()> work = nullptr;
  std::vector<TensorPromisePtr> results = {};
  Mode mode = {};
  BatchPtr batch = nullptr;
  // Kept alive until the work is done.
  Effects effects = {};
  ForecastPtr forecast = nullptr;
  // Runs after the work, or instead of it if it is skipped, in any case.
  std::function<void()> done = nullptr;
};

// A thread that runs jobs in order. Node's thread pool is not suitable, since its four threads also serve files and
// DNS.
class Lane {
 public:
  Lane();
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Returns the number of the job; jobs are numbered from 1. Must be called from a single thread.
  uint64_t post(Job job);
  // The number of jobs posted, and of jobs completed.
  uint64_t posted() const { return posted_; }
  uint64_t completed() const { return completed_.load(std::memory_order_acquire); }
  // Blocks until the job with this number has run.
  void wait(uint64_t job) const;

  // While it lives, a caller on another thread may use LibTorch: no CUDA graph capture is in progress, and none begins.
  // `within` the batch that captures, which may be waiting for the caller to continue, no job runs in the meantime.
  class Pause {
   public:
    Pause(Lane& lane, bool within);

   private:
    std::unique_lock<std::mutex> lock_;
  };

  // The number of threads for LibTorch's operators, from the next job on.
  void set_num_threads(int threads) { threads_.store(threads); }

  // Called from jobs. The work that jobs between the two queue on the device goes into the graph instead.
  void begin_graph(std::shared_ptr<CudaGraph> graph);
  void end_graph();
  bool captures_graph() const { return capture_.capturing(); }

 private:
  void loop();
  void run(Job& job);

  std::mutex queue_mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  bool stopping_ = false;
  uint64_t posted_ = 0;
  std::atomic<uint64_t> completed_ = 0;
  std::atomic<int> threads_ = 0;
  // Held by a job while it runs.
  std::mutex running_;
  // Held by a caller on another thread, or while a CUDA graph is being captured.
  std::mutex outside_;
  std::unique_lock<std::mutex> captured_{outside_, std::defer_lock};
  GraphCapture capture_;
  std::thread thread_;
};

}  // namespace rnn::runtime
