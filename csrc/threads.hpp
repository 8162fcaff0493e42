// The one place that knows whether OpenMP is there.
#pragma once

namespace movieembed {

bool has_openmp();
int max_threads();           // what OpenMP would use when not told otherwise
int resolve_threads(int n);  // n <= 0 means max_threads()

// Threads for a region of `work` multiply-adds: 1 below the threshold. After a parallel region OpenMP's
// workers spin for some milliseconds in case another follows, on the cores that BLAS's own threads want
// next; alternating the two made a fit of MovieLens small 2 to 10 times slower than one thread.
int threads_for(int n, double work);
double parallel_threshold();
void set_parallel_threshold(double work);

int thread_index();  // of the calling thread in its team

}  // namespace movieembed
