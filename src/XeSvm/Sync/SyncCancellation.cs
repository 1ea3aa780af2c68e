namespace XeSvm;

/// <summary>
/// Lets a cancellation end a wait in the driver: a sync object that the cancellation signals is waited for along with the others.
/// </summary>
internal sealed class SyncCancellation : IDisposable
{
    private readonly SyncObject _syncObject;
    private readonly CancellationTokenRegistration _registration;

    /// <summary>Makes the sync object and follows the token.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled already.</exception>
    /// <exception cref="XeException">The driver has no more sync objects.</exception>
    internal SyncCancellation(DeviceFile file, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        XeResult result = SyncObject.TryCreate(file, signaled: false, out SyncObject? syncObject);
        if (syncObject is null)
        {
            ThrowHelper.Throw(result, XeOperation.SyncCreate, "a sync object for the cancellation of a wait");
        }

        _syncObject = syncObject;
        _registration = cancellationToken.UnsafeRegister(static state => ((SyncObject)state!).TrySignal(), syncObject);
    }

    /// <summary>What the cancellation signals.</summary>
    internal SyncPoint Point => new(_syncObject);

    /// <summary>Stops following the token; waits for a callback that runs.</summary>
    public void Dispose()
    {
        _registration.Dispose();
        _syncObject.Dispose();
    }
}
