# The evaluator with the supernets, for one NVIDIA GPU. From the checkout's root:
#
#   docker build -f docker/evaluator.Dockerfile -t collm-nas-evaluator .
#
# PyTorch's wheels bring the CUDA libraries that they need; the base is of the same CUDA, so that a driver which is too
# old for them is refused when the container starts. Every RUN calls a script that the tests run too.
FROM nvidia/cuda:13.2.1-runtime-ubuntu24.04

WORKDIR /opt/collm-nas
COPY docker/install-system.sh docker/make-folders.sh docker/
RUN docker/install-system.sh python3 python3-venv && docker/make-folders.sh 1000:1000 /cache

# Gigabytes that change seldom come before the sources, which change often.
ENV PIP_NO_CACHE_DIR=1
COPY docker/install-evaluator.sh docker/
COPY python-evaluator/requirements/ python-evaluator/requirements/
RUN docker/install-evaluator.sh /opt/collm-nas/venv supernets tables
COPY docker/healthcheck.py docker/
COPY python-evaluator/collm_nas_evaluator/ python-evaluator/collm_nas_evaluator/

# Nothing is written but the cache: prepared images, and what PyTorch and Triton keep at home.
ENV GRPC_VERBOSITY=NONE \
    HOME=/cache \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 1000:1000
WORKDIR /cache
VOLUME /cache

# Mount read-only: images on /data/imagenet, checkpoints on /checkpoints, the configuration on
# /etc/collm-nas/evaluator.yaml (a sample: docker/evaluator.yaml).
EXPOSE 50051
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 \
  CMD ["/opt/collm-nas/venv/bin/python", "/opt/collm-nas/docker/healthcheck.py"]
ENTRYPOINT ["/opt/collm-nas/venv/bin/collm-nas-evaluator"]
# A container is reached from outside itself only on an address that is not loopback. There is no password: publish the
# port on loopback (-p 127.0.0.1:50051:50051), or not at all for containers of one network.
CMD ["serve", "--listen", "0.0.0.0:50051", "--allow-remote", "--config", "/etc/collm-nas/evaluator.yaml"]
