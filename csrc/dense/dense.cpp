#include "dense/dense.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/aligned.hpp"
#include "dense/gemm.hpp"
#include "core/parallel.hpp"

namespace movieembed {
namespace {

// Rows of a block of a row-wise pass: enough for gemm to be fast, few enough for the second-level cache.
constexpr int64_t kRows = 512;
// Least rows of a partial sum, and most partial sums, of a Gram matrix.
constexpr int64_t kPartRows = 1024;
constexpr int64_t kParts = 32;
// From this order on a Gram matrix is cut into tiles instead.
constexpr int64_t kTiled = 640;
constexpr int64_t kTile = 192;
// From this order on tiles are larger, for gemm to pack less, and still enough for many threads.
constexpr int64_t kLarge = 3072;
constexpr int64_t kLargeTile = 768;

int64_t blocks(int64_t rows) { return (rows + kRows - 1) / kRows; }

double work_of(int64_t rows, int64_t p, int64_t q) {
    // Madds of gemm are some ten times cheaper than those of a gather, by which the threshold is set.
    return 0.1 * static_cast<double>(rows) * static_cast<double>(p) * static_cast<double>(q);
}

// Calls body(first, last) for blocks of rows.
template <class Body>
void for_blocks(int64_t rows, double work, int n_threads, Body body) {
    parallel_for(threads_for(n_threads, work), blocks(rows),
                 [&](int64_t b, int) { body(b * kRows, std::min((b + 1) * kRows, rows)); });
}

// Four partial sums: one waits for the latency of an addition, four keep the unit busy.
template <class T>
double dot(const T* a, const T* b, int64_t n) {
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    int64_t k = 0;
    for (; k + 4 <= n; k += 4) {
        s0 += static_cast<double>(a[k]) * static_cast<double>(b[k]);
        s1 += static_cast<double>(a[k + 1]) * static_cast<double>(b[k + 1]);
        s2 += static_cast<double>(a[k + 2]) * static_cast<double>(b[k + 2]);
        s3 += static_cast<double>(a[k + 3]) * static_cast<double>(b[k + 3]);
    }
    for (; k < n; ++k) s0 += static_cast<double>(a[k]) * static_cast<double>(b[k]);
    return (s0 + s1) + (s2 + s3);
}

// total (+)= a block of rows of A'B, or of A'A's upper triangle where `symmetric`.
template <class T>
void add_gram(const T* a, int64_t lda, int64_t p, const T* b, int64_t ldb, int64_t q, int64_t rows, bool symmetric,
              double* total, int64_t ld, Aligned<T>& scratch) {
    if constexpr (sizeof(T) == sizeof(double)) {
        if (symmetric)
            syrk(p, rows, a, lda, 1.0, total, ld);
        else
            gemm(true, false, p, q, rows, a, lda, b, ldb, 1.0, total, ld);
    } else {
        scratch.grow(p * q);
        for (int64_t first = 0; first < rows; first += kSinglePrecisionRows) {
            const int64_t n = std::min(kSinglePrecisionRows, rows - first);
            T* part = scratch.data();
            if (symmetric)
                syrk(p, n, a + first * lda, lda, T(0), part, q);
            else
                gemm(true, false, p, q, n, a + first * lda, lda, b + first * ldb, ldb, T(0), part, q);
            for (int64_t i = 0; i < p; ++i)
                for (int64_t j = symmetric ? i : 0; j < q; ++j)
                    total[i * ld + j] += static_cast<double>(part[i * q + j]);
        }
    }
}

void mirror(double* out, int64_t n) {
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < i; ++j) out[i * n + j] = out[j * n + i];
}

// total += a block of rows of A'B in float64, or of A'A's upper triangle where `symmetric`, whatever A's numbers are.
template <class T>
void add_gram_in_float64(const T* a, int64_t p, const T* b, int64_t q, int64_t ld, int64_t rows, bool symmetric,
                         double* total, int64_t ld_total, Aligned<double>& scratch) {
    if constexpr (sizeof(T) == sizeof(double)) {
        add_gram(a, ld, p, b, ld, q, rows, symmetric, total, ld_total, scratch);
    } else {
        scratch.grow(kPartRows * (p + q));
        double *left = scratch.data(), *right = symmetric ? left : left + kPartRows * p;
        for (int64_t first = 0; first < rows; first += kPartRows) {
            const int64_t n = std::min(kPartRows, rows - first);
            for (int64_t i = 0; i < n; ++i) {
                std::copy_n(a + (first + i) * ld, p, left + i * p);
                if (!symmetric) std::copy_n(b + (first + i) * ld, q, right + i * q);
            }
            add_gram(left, p, p, right, q, q, n, symmetric, total, ld_total, scratch);
        }
    }
}

struct Tile {
    int64_t i, j, rows, cols;
};

// out = the p x q result of body(tile, its corner in out, worker) for all tiles; of a symmetric one for those that
// touch the upper triangle, of which it fills the lower.
template <class Body>
void by_tiles(int64_t p, int64_t q, bool symmetric, double* out, int threads, Body body) {
    const int64_t side = std::max(p, q) >= kLarge ? kLargeTile : kTile;
    std::vector<Tile> tiles;
    for (int64_t i = 0; i < p; i += side)
        for (int64_t j = symmetric ? i : 0; j < q; j += side)
            tiles.push_back({i, j, std::min(side, p - i), std::min(side, q - j)});
    std::fill_n(out, p * q, 0.0);
    parallel_for(threads, tiles.size(), [&](int64_t t, int worker) {
        const Tile& tile = tiles[t];
        body(tile, out + tile.i * q + tile.j, worker);
        if (!symmetric) return;
        for (int64_t j = tile.j; j < tile.j + tile.cols; ++j)
            for (int64_t i = tile.i; i < std::min(tile.i + tile.rows, j); ++i) out[j * q + i] = out[i * q + j];
    });
}

// Partial sums over ranges of rows, each by body(first, last, partial, worker), added up in order.
template <class Body>
void summed(int64_t rows, int64_t size, int64_t widest, double work, int n_threads, double* out, Body body) {
    const int64_t parts = std::clamp<int64_t>(rows / std::max(kPartRows, 2 * widest), 1, kParts);
    std::vector<double> partial(parts * size, 0.0);
    parallel_for(threads_for(n_threads, work), parts, [&](int64_t part, int worker) {
        body(rows * part / parts, rows * (part + 1) / parts, partial.data() + part * size, worker);
    });
    std::copy_n(partial.data(), size, out);
    for (int64_t part = 1; part < parts; ++part)
        for (int64_t k = 0; k < size; ++k) out[k] += partial[part * size + k];
}

}  // namespace

template <class T>
void tall_times_small(const Tall<const T>& a, const T* c, int64_t q, const Tall<T>& out, bool add, int n_threads) {
    for_blocks(a.rows, work_of(a.rows, a.cols, q), n_threads, [&](int64_t first, int64_t last) {
        gemm(false, false, last - first, q, a.cols, a.row(first), a.ld, c, q, T(add ? 1 : 0), out.row(first), out.ld);
    });
}

template <class T>
void tall_gram(const Tall<const T>& a, const Tall<const T>& b, const double* w, double* out, int n_threads) {
    // A small product is cut by rows: at most 32 partial sums of 1,024 rows or more, added in their order. A large one,
    // whose partial sums would take more memory than A, is cut into tiles of the result, each over all rows.
    const bool symmetric = !b.data || (a.data == b.data && a.cols == b.cols && a.ld == b.ld);
    const int64_t p = a.cols, q = symmetric ? p : b.cols;
    const double work = work_of(a.rows, p, q) * (symmetric ? 0.5 : 1.0);
    const int threads = threads_for(n_threads, work);
    if (!w && std::max(p, q) >= kTiled) {
        std::vector<Aligned<T>> scratch(threads);
        const T* right = symmetric ? a.data : b.data;
        const int64_t ld_right = symmetric ? a.ld : b.ld;
        by_tiles(p, q, symmetric, out, threads, [&](const Tile& tile, double* to, int worker) {
            add_gram(a.data + tile.i, a.ld, tile.rows, right + tile.j, ld_right, tile.cols, a.rows,
                     symmetric && tile.i == tile.j, to, q, scratch[worker]);
        });
        return;
    }
    struct Scratch {
        Aligned<T> sums, scaled;
    };
    std::vector<Scratch> scratches(threads);
    summed(a.rows, p * q, std::max(p, q), work, n_threads, out,
           [&](int64_t first, int64_t last, double* total, int worker) {
               Scratch& scratch = scratches[worker];
               if (!w) {
                   add_gram(a.row(first), a.ld, p, symmetric ? a.row(first) : b.row(first), symmetric ? a.ld : b.ld, q,
                            last - first, symmetric, total, q, scratch.sums);
                   return;
               }
               scratch.scaled.grow(kPartRows * p);
               for (int64_t at = first; at < last; at += kPartRows) {
                   const int64_t n = std::min(kPartRows, last - at);
                   T* scaled = scratch.scaled.data();
                   for (int64_t i = 0; i < n; ++i) {
                       const T root = static_cast<T>(std::sqrt(w[at + i]));
                       const T* row = a.row(at + i);
                       for (int64_t k = 0; k < p; ++k) scaled[i * p + k] = root * row[k];
                   }
                   add_gram(scaled, p, p, scaled, p, p, n, true, total, p, scratch.sums);
               }
           });
    if (symmetric) mirror(out, p);
}

template <class T>
void eigen_residual(const Tall<const T>& q, const Tall<const T>& xq, const double* delta, const double* theta,
                    double scale, const Tall<T>& r, int n_threads) {
    std::vector<T> t(theta, theta + q.cols);
    const T factor = static_cast<T>(scale);
    for_blocks(q.rows, 3.0 * static_cast<double>(q.rows * q.cols), n_threads, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) {
            const T di = static_cast<T>(delta[i]);
            const T* qi = q.row(i);
            const T* xi = xq.row(i);
            T* ri = r.row(i);
            for (int64_t k = 0; k < q.cols; ++k) ri[k] = factor * (xi[k] + (di - t[k]) * qi[k]);
        }
    });
}

template <class T>
void moments(const Tall<const T>& v, double* gram, double* norms, int n_threads) {
    const int64_t d = v.cols;
    const double work = work_of(v.rows, d, d) + static_cast<double>(v.rows * d);
    const int threads = threads_for(n_threads, work);
    std::vector<Aligned<double>> scratch(threads);
    if (d >= kTiled) {
        row_dots(v, v, norms, n_threads);
        by_tiles(d, d, true, gram, threads, [&](const Tile& tile, double* to, int worker) {
            add_gram_in_float64(v.data + tile.i, tile.rows, v.data + tile.j, tile.cols, v.ld, v.rows, tile.i == tile.j,
                                to, d, scratch[worker]);
        });
        return;
    }
    summed(v.rows, d * d, d, work, n_threads, gram, [&](int64_t first, int64_t last, double* total, int worker) {
        Aligned<double>& in_float64 = scratch[worker];
        in_float64.grow(kRows * d);
        for (; first < last; first += kRows) {
            const int64_t n = std::min(kRows, last - first);
            for (int64_t i = 0; i < n; ++i) {
                std::copy_n(v.row(first + i), d, in_float64.data() + i * d);
                norms[first + i] = dot(in_float64.data() + i * d, in_float64.data() + i * d, d);
            }
            syrk(d, n, in_float64.data(), std::max<int64_t>(d, 1), 1.0, total, std::max<int64_t>(d, 1));
        }
    });
    mirror(gram, d);
}

template <class T>
void masked_gradient(const Tall<const T>& v, const Tall<const T>& xv, const T* gram, const double* norms,
                     const Tall<T>& gradient, double* squared_norms, int n_threads) {
    const int64_t d = v.cols;
    for_blocks(v.rows, work_of(v.rows, d, d) + static_cast<double>(v.rows * d), n_threads,
               [&](int64_t first, int64_t last) {
                   std::vector<T> own(gradient.data ? 0 : (last - first) * d);  // where its squares alone are wanted
                   const Tall<T> block = gradient.data ? Tall<T>{gradient.row(first), last - first, d, gradient.ld}
                                                       : Tall<T>{own.data(), last - first, d, d};
                   gemm(false, false, last - first, d, d, v.row(first), v.ld, gram, d, T(0), block.data, block.ld);
                   for (int64_t i = first; i < last; ++i) {
                       T* g = block.row(i - first);
                       const T* x = xv.row(i);
                       const T* vi = v.row(i);
                       const T ni = static_cast<T>(norms[i]);
                       for (int64_t k = 0; k < d; ++k) g[k] = T(4) * (g[k] - x[k] - ni * vi[k]);
                       squared_norms[i] = dot(g, g, d);
                   }
               });
}

template <class T>
void row_dots(const Tall<const T>& a, const Tall<const T>& b, double* out, int n_threads) {
    for_blocks(a.rows, static_cast<double>(a.rows * a.cols), n_threads, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) out[i] = dot(a.row(i), b.row(i), a.cols);
    });
}

#define MOVIEEMBED_DENSE(T)                                                                                            \
    template void tall_times_small(const Tall<const T>&, const T*, int64_t, const Tall<T>&, bool, int);                \
    template void tall_gram(const Tall<const T>&, const Tall<const T>&, const double*, double*, int);                  \
    template void eigen_residual(const Tall<const T>&, const Tall<const T>&, const double*, const double*, double,     \
                                 const Tall<T>&, int);                                                                 \
    template void moments(const Tall<const T>&, double*, double*, int);                                                \
    template void masked_gradient(const Tall<const T>&, const Tall<const T>&, const T*, const double*, const Tall<T>&, \
                                  double*, int);                                                                       \
    template void row_dots(const Tall<const T>&, const Tall<const T>&, double*, int);
MOVIEEMBED_DENSE(float)
MOVIEEMBED_DENSE(double)

}  // namespace movieembed
