#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Has the system write what it holds of a file, or of a folder, to the medium itself.
///
/// On Apple's systems `fsync` alone leaves the data in the drive's cache. Volumes that do not know the call that does not,
/// such as those of a network, have only that.
///
/// - Parameter descriptor: Of a file, or of a folder, which then keeps the names in it.
/// - Returns: Whether it has; if not, `errno` says why.
package func flushToMedium(_ descriptor: Int32) -> Bool {
    #if canImport(Darwin)
    if fcntl(descriptor, F_FULLFSYNC) == 0 { return true }
    guard errno == ENOTSUP || errno == EINVAL || errno == ENOTTY else { return false }
    #endif
    return fsync(descriptor) == 0
}
