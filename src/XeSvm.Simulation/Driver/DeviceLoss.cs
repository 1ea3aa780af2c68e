namespace XeSvm.Simulation.Driver;

/// <summary>
/// Whether a device is lost, and what happens then (xe_device_declare_wedged, as hard as it can come): ioctls are refused, engines stop,
/// and all data goes back to system memory. There is no way back.
/// </summary>
internal sealed class DeviceLoss(SoftwareDevice device)
{
    private readonly Lock _lock = new();
    private readonly HashSet<XeExecQueue> _queues = [];
    private volatile bool _isLost;

    /// <summary>Whether the device is lost.</summary>
    public bool IsLost => _isLost;

    /// <summary>Whether the device is lost, or is chosen to be lost at this operation.</summary>
    public bool Strikes()
    {
        if (!_isLost && device.Options.Faults.Fails(FaultPoint.DeviceLost) && TryBegin())
        {
            // Not here: the caller may be a queue's own thread, in the middle of a fault.
            if (!DriverThread.TryStart(new Thread(Run) { Name = "xe device loss" }, device.Options.Faults))
            {
                ThreadPool.UnsafeQueueUserWorkItem(static loss => loss.Run(), this, preferLocal: false);
            }
        }

        return _isLost;
    }

    /// <summary>Loses the device; work has ended and data is at home when this returns. Not from a queue's own thread.</summary>
    public void Declare()
    {
        if (TryBegin())
        {
            Run();
        }
    }

    /// <summary>A queue that has to stop with the device.</summary>
    public void Add(XeExecQueue queue)
    {
        lock (_lock)
        {
            _queues.Add(queue);
        }

        if (_isLost)
        {
            queue.Kill();
        }
    }

    /// <summary>A queue is gone.</summary>
    public void Remove(XeExecQueue queue)
    {
        lock (_lock)
        {
            _queues.Remove(queue);
        }
    }

    private bool TryBegin()
    {
        lock (_lock)
        {
            if (_isLost)
            {
                return false;
            }

            _isLost = true;
        }

        device.AddReference();
        return true;
    }

    private void Run()
    {
        XeExecQueue[] queues;
        lock (_lock)
        {
            queues = [.. _queues];
        }

        foreach (XeExecQueue queue in queues)
        {
            queue.Kill();
        }

        device.UserFences.Wake();
        foreach (SoftwareTile tile in device.Tiles)
        {
            tile.Pagemap.Abandon();
        }

        device.Release();
    }
}
