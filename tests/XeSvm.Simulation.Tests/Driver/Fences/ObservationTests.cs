using XeSvm.Interop.Uapi;

using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver.Fences;

/// <summary>OBSERVATION on a device without anything to observe.</summary>
public sealed class ObservationTests : IDisposable
{
    private readonly DrmClient _client = new();

    public void Dispose() => _client.Dispose();

    [Theory]
    [InlineData(1ul, DRM_XE_OBSERVATION_TYPE_OA, DRM_XE_OBSERVATION_OP_STREAM_OPEN, Errno.EINVAL)]
    [InlineData(0ul, 2ul, DRM_XE_OBSERVATION_OP_STREAM_OPEN, Errno.EINVAL)]
    [InlineData(0ul, ulong.MaxValue, DRM_XE_OBSERVATION_OP_STREAM_OPEN, Errno.EINVAL)]
    [InlineData(0ul, DRM_XE_OBSERVATION_TYPE_OA, 3ul, Errno.EINVAL)]
    [InlineData(0ul, DRM_XE_OBSERVATION_TYPE_EU_STALL, DRM_XE_OBSERVATION_OP_ADD_CONFIG, Errno.EINVAL)]
    [InlineData(0ul, DRM_XE_OBSERVATION_TYPE_OA, DRM_XE_OBSERVATION_OP_STREAM_OPEN, Errno.ENODEV)]
    [InlineData(0ul, DRM_XE_OBSERVATION_TYPE_OA, DRM_XE_OBSERVATION_OP_REMOVE_CONFIG, Errno.ENODEV)]
    [InlineData(0ul, DRM_XE_OBSERVATION_TYPE_EU_STALL, DRM_XE_OBSERVATION_OP_STREAM_OPEN, Errno.ENODEV)]
    [Trait("Rule", "16.checks")]
    public void Extensions_and_unknown_types_and_operations_are_EINVAL_and_the_rest_has_no_hardware(
        ulong extensions, ulong type, ulong operation, int expected)
    {
        var args = new drm_xe_observation_param { extensions = extensions, observation_type = type, observation_op = operation };
        Assert.Equal(-expected, _client.Ioctl(DRM_IOCTL_XE_OBSERVATION, ref args));
    }
}
