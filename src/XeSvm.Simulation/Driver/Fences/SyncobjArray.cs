using System.Buffers;

namespace XeSvm.Simulation.Driver.Fences;

/// <summary>The syncobjs that a call names by an array of handles in client memory, with a reference on each until it is disposed.</summary>
internal unsafe ref struct SyncobjArray
{
    private const uint MostHandles = 1 << 20;
    private Syncobj[]? _syncobjs;
    private ulong[]? _points;
    private int _count;

    public readonly ReadOnlySpan<Syncobj> Syncobjs => _syncobjs.AsSpan(0, _count);

    /// <summary>One for each syncobj; zeros before <see cref="ReadPoints"/>.</summary>
    public readonly Span<ulong> Points => _points.AsSpan(0, _count);

    /// <summary>Looks handles up (drm_syncobj_array_find): 0, -ENOMEM, -EFAULT or -ENOENT. The array is to be disposed in any case.</summary>
    public int Load(SoftwareFile file, ulong handles, uint count)
    {
        if (count > MostHandles)
        {
            return -Errno.ENOMEM;
        }

        uint[] numbers = ArrayPool<uint>.Shared.Rent((int)count);
        _syncobjs = ArrayPool<Syncobj>.Shared.Rent((int)count);
        _points = ArrayPool<ulong>.Shared.Rent((int)count);
        Array.Clear(_points, 0, (int)count);
        try
        {
            fixed (uint* first = numbers)
            {
                if (file.Client.Read(handles, first, count * (nuint)sizeof(uint)) < 0)
                {
                    return -Errno.EFAULT;
                }
            }

            for (int i = 0; i < count; i++)
            {
                if (!file.TryGetSyncobj(numbers[i], out Syncobj? syncobj))
                {
                    return -Errno.ENOENT;
                }

                _syncobjs[_count++] = syncobj;
            }

            return 0;
        }
        finally
        {
            ArrayPool<uint>.Shared.Return(numbers);
        }
    }

    /// <summary>Reads one point for each syncobj; address 0 leaves zeros. 0 or -EFAULT.</summary>
    public readonly int ReadPoints(SoftwareFile file, ulong points)
    {
        fixed (ulong* first = _points)
        {
            return points != 0 && file.Client.Read(points, first, (nuint)_count * sizeof(ulong)) < 0 ? -Errno.EFAULT : 0;
        }
    }

    public void Dispose()
    {
        foreach (Syncobj syncobj in Syncobjs)
        {
            syncobj.Release();
        }

        if (_syncobjs is not null)
        {
            Array.Clear(_syncobjs, 0, _count);
            ArrayPool<Syncobj>.Shared.Return(_syncobjs);
            ArrayPool<ulong>.Shared.Return(_points!);
            _syncobjs = null;
            _count = 0;
        }
    }
}
