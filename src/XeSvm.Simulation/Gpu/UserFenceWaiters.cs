namespace XeSvm.Simulation.Gpu;

/// <summary>
/// The device-wide wake source of WAIT_USER_FENCE: woken by every job that writes a user fence, by every queue that is banned or killed,
/// and by bind user fences (xe_wait_user_fence.c). It is no memory watch: a waiter checks its own condition after each wake.
/// </summary>
internal sealed class UserFenceWaiters : EventCount;
