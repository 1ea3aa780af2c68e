using System.Text;
using XeSvm.Interop.Uapi;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Fuzz;

/// <content>Calls about the device and the file.</content>
internal sealed unsafe partial class SequenceGenerator
{
    private const uint GetUnique = 0xc0106401;
    private const uint GemFlink = 0xc008640a;
    private const uint GemOpen = 0xc010640b;

    // The sizes of the answers of the default device, by query.
    private static readonly uint[] s_answerSizes = [232, 184, 48, 200, 0, 160, 40, 32, 208, 8, 136];

    private FuzzCall Query()
    {
        uint query = _values.OneIn(20) ? (uint)_values.Edge() : _values.Below((uint)s_answerSizes.Length);
        uint size = query < s_answerSizes.Length ? s_answerSizes[query] : 8;
        return Ioctl(DRM_IOCTL_XE_DEVICE_QUERY, new drm_xe_device_query
        {
            query = query,
            size = _values.OneIn(3) ? 0 : _values.OneIn(8) ? (uint)_values.Edge() : _values.OneIn(8) ? 8 + (_values.Below(40) * 8) : size,
            data = query switch
            {
                DRM_XE_DEVICE_QUERY_ENGINE_CYCLES => Put(Bytes(EngineCycles())),
                DRM_XE_DEVICE_QUERY_UC_FW_VERSION => Put(Bytes(Firmware())),
                _ => _values.Pointer(),
            },
            extensions = _values.ReservedQword(),
        });
    }

    private drm_xe_query_engine_cycles EngineCycles() => new()
    {
        eci = new drm_xe_engine_class_instance
        {
            engine_class = (ushort)_values.Below(_values.OneIn(8) ? 7u : 4u),
            engine_instance = (ushort)(_values.OneIn(3) ? _values.Below(3) : 0u),
            gt_id = (ushort)_values.Below(_values.OneIn(8) ? 4u : 2u),
        },
        clockid = _values.OneIn(8) ? (int)_values.Edge() : (int)_values.Below(2),
    };

    private drm_xe_query_uc_fw_version Firmware() => new()
    {
        uc_type = (ushort)_values.Below(_values.OneIn(4) ? 4u : 2u),
        pad = (ushort)_values.ReservedDword(),
        reserved = _values.ReservedQword(),
    };

    private FuzzCall Observe() => Ioctl(DRM_IOCTL_XE_OBSERVATION, new drm_xe_observation_param
    {
        observation_type = _values.OneIn(8) ? _values.Edge() : _values.Below(2),
        observation_op = _values.OneIn(8) ? _values.Edge() : _values.Below(3),
        param = _values.OneIn(2) ? Extensions() : _values.Pointer(),
        extensions = _values.ReservedQword(),
    });

    /// <summary>Requests of the DRM core.</summary>
    private FuzzCall Core() => _values.Below(8) switch
    {
        0 or 1 => Version(),
        2 => Ioctl(Drm.DRM_IOCTL_GET_CAP, new drm_get_cap { capability = _values.OneIn(4) ? _values.Edge() : _values.Below(0x20) }),
        3 or 4 => Name(),
        5 => Ioctl(Drm.DRM_IOCTL_SET_CLIENT_CAP, new drm_set_client_cap { capability = _values.Below(8), value = _values.Below(3) }),
        6 => Ioctl(GemFlink, new drm_gem_close { handle = _values.Id() }),
        _ => Ioctl(_values.OneIn(2) ? GemOpen : GetUnique, new drm_get_cap { capability = _values.Id() }),
    };

    private FuzzCall Version() => Ioctl(Drm.DRM_IOCTL_VERSION, new drm_version
    {
        name = (byte*)_values.Pointer(),
        name_len = _values.OneIn(10) ? _values.Edge() : _values.Below(16),
        date = (byte*)_values.Pointer(),
        date_len = _values.OneIn(10) ? _values.Edge() : _values.Below(4),
        desc = (byte*)_values.Pointer(),
        desc_len = _values.OneIn(10) ? _values.Edge() : _values.Below(40),
    });

    /// <summary>A name that can be given, or one with a character that cannot.</summary>
    private FuzzCall Name()
    {
        byte[] name = Encoding.ASCII.GetBytes(new string('x', (int)_values.Below(70)));
        if (name.Length != 0 && _values.OneIn(4))
        {
            name[_values.Below((uint)name.Length)] = (byte)_values.Below(256);
        }

        return Ioctl(Drm.DRM_IOCTL_SET_CLIENT_NAME, new drm_set_client_name
        {
            name_len = _values.OneIn(10) ? _values.Edge() : (ulong)name.Length,
            name = _values.OneIn(10) ? _values.Pointer() : name.Length == 0 ? 0 : Put(name),
        });
    }
}
