#if Postgres
internal import CLibPQ

/// The version of the client library, as a number such as 150018.
package func libpqVersion() -> Int32 { PQlibVersion() }
#endif
