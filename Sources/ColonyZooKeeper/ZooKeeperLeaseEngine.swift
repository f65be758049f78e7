#if ZooKeeper
internal import CZooKeeper

/// The name of a result of the client library.
package func zooKeeperErrorText(_ code: Int32) -> String { String(cString: zerror(code)) }
#endif
