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
#include "runtime/graph_recorder.h"
#include "runtime/mode.h"

namespace rnn::runtime {

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
  // graphs, on which LibTorch has no locks. The caller goes before the next job, but not in the middle of the recording
  // of a CUDA graph, unless it is `within` a batch that it queues: the recording may wait for it to go on.
  class Pause {
   public:
    Pause(Lane& lane, bool within);

   private:
    std::unique_lock<std::mutex> lock_;
  };

  void set_num_threads(int threads) { threads_.store(threads); }

  // These are for jobs. What the jobs between the two give the device goes into the graph instead.
  void begin_graph(std::shared_ptr<CudaGraph> graph);
  void end_graph();
  bool records_graph() const { return recorder_.recording(); }

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
  GraphRecorder recorder_;
  // A CUDA graph is being recorded.
  std::atomic<bool> exclusive_ = false;
  std::thread thread_;
};

}  // namespace rnn::runtime
