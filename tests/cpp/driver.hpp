// What the programs that drive the kernels without Python share: likes to work on, and a plain BLAS.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "core/blas.hpp"
#include "core/csr.hpp"

namespace driver {

// Column-major, by the definition, as Fortran calls it; only what movieembed asks for.
template <class T>
void plain_gemm(char* transa, char* transb, int* m, int* n, int* k, T* alpha, T* a, int* lda, T* b, int* ldb, T* beta,
                T* c, int* ldc) {
    const auto at = [](const T* x, int ld, bool transposed, std::int64_t i, std::int64_t j) {
        return transposed ? x[j + i * ld] : x[i + j * ld];
    };
    for (std::int64_t j = 0; j < *n; ++j)
        for (std::int64_t i = 0; i < *m; ++i) {
            double sum = 0;
            for (std::int64_t l = 0; l < *k; ++l)
                sum += static_cast<double>(at(a, *lda, *transa == 'T', i, l)) * at(b, *ldb, *transb == 'T', l, j);
            T& out = c[i + j * *ldc];
            out = static_cast<T>(*alpha * sum + (*beta == T(0) ? 0.0 : static_cast<double>(*beta * out)));
        }
}

template <class T>
void plain_syrk(char*, char*, int* n, int* k, T* alpha, T* a, int* lda, T* beta, T* c, int* ldc) {
    for (std::int64_t j = 0; j < *n; ++j)
        for (std::int64_t i = j; i < *n; ++i) {
            double sum = 0;
            for (std::int64_t l = 0; l < *k; ++l) sum += static_cast<double>(a[i + l * *lda]) * a[j + l * *lda];
            T& out = c[i + j * *ldc];
            out = static_cast<T>(*alpha * sum + (*beta == T(0) ? 0.0 : static_cast<double>(*beta * out)));
        }
}

template <class T>
void plain_gemv(char*, int* m, int* n, T* alpha, T* a, int* lda, T* x, int* incx, T* beta, T* y, int* incy) {
    char no[] = "N";  // y = A'x, as the row y' = x'A
    int one = 1;
    plain_gemm(no, no, &one, n, m, alpha, x, incx, a, lda, beta, y, incy);
}

inline void use_plain_blas() {
    movieembed::blas<float> = {&plain_gemm<float>, &plain_syrk<float>, &plain_gemv<float>};
    movieembed::blas<double> = {&plain_gemm<double>, &plain_syrk<double>, &plain_gemv<double>};
}

class Random {
public:
    explicit Random(std::uint64_t seed) : bits_(seed) {}
    double uniform() { return static_cast<double>(bits_() >> 11) * 0x1p-53; }
    std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(uniform() * static_cast<double>(n)); }

    template <class T>
    std::vector<T> numbers(std::int64_t n) {  // within [-1, 1]
        std::vector<T> x(static_cast<std::size_t>(n));
        for (T& value : x) value = static_cast<T>(2 * uniform() - 1);
        return x;
    }

private:
    std::mt19937_64 bits_;
};

template <class T, class I>
struct Matrix {
    std::int64_t rows = 0, cols = 0;
    std::vector<I> indptr{0}, indices;
    std::vector<T> values;  // empty: likes of 1

    movieembed::CsrView<T, I> view() const {
        return {rows, cols, indptr.data(), indices.data(), values.empty() ? nullptr : values.data()};
    }

    Matrix transposed() const {
        Matrix t;
        t.rows = cols;
        t.cols = rows;
        t.indptr.assign(static_cast<std::size_t>(cols) + 1, 0);
        for (const I j : indices) ++t.indptr[static_cast<std::size_t>(j) + 1];
        for (std::size_t j = 0; j < static_cast<std::size_t>(cols); ++j) t.indptr[j + 1] += t.indptr[j];
        t.indices.resize(indices.size());
        t.values.resize(values.size());
        std::vector<I> at(t.indptr.begin(), t.indptr.end() - 1);
        for (std::int64_t u = 0; u < rows; ++u)
            for (auto k = static_cast<std::size_t>(indptr[static_cast<std::size_t>(u)]);
                 k < static_cast<std::size_t>(indptr[static_cast<std::size_t>(u) + 1]); ++k) {
                const auto to = static_cast<std::size_t>(at[static_cast<std::size_t>(indices[k])]++);
                t.indices[to] = static_cast<I>(u);
                if (!values.empty()) t.values[to] = values[k];
            }
        return t;
    }
};

// Popularity falls as 1 / (1 + j / 8); every 97th user likes most items, every 13th none, and the last item is
// nobody's.
template <class T, class I>
Matrix<T, I> skewed_likes(std::int64_t users, std::int64_t items, bool weighted, std::uint64_t seed) {
    Random random(seed);
    Matrix<T, I> l;
    l.rows = users;
    l.cols = items;
    for (std::int64_t u = 0; u < users; ++u) {
        for (std::int64_t j = 0; u % 13 != 5 && j + 1 < items; ++j) {
            const double popularity = 0.5 / (1 + static_cast<double>(j) / 8);
            if (random.uniform() >= (u % 97 == 3 ? 0.8 : popularity)) continue;
            l.indices.push_back(static_cast<I>(j));
            if (weighted) l.values.push_back(static_cast<T>(2 * random.uniform() - 1));
        }
        l.indptr.push_back(static_cast<I>(l.indices.size()));
    }
    return l;
}

}  // namespace driver
