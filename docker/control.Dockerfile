# The control plane, `collm-nas`, for an evaluator that runs elsewhere. From the checkout's root:
#
#   docker build -f docker/control.Dockerfile -t collm-nas .
#   docker run --rm --network host -v collm-nas-runs:/srv/runs collm-nas run presets/ofa-330.yaml --evaluator HOST:PORT
#
# Every RUN calls a script that the tests run too.
FROM node:22-slim AS build

WORKDIR /opt/collm-nas
COPY docker/build-control.sh docker/
COPY package.json package-lock.json .npmrc tsconfig.json tsconfig.build.json tsconfig.page.json ./
COPY scripts/bundle-page.mjs scripts/licences.mjs scripts/
COPY proto/ proto/
COPY src/ src/
RUN docker/build-control.sh

FROM node:22-slim

WORKDIR /srv
COPY docker/make-folders.sh /opt/collm-nas/docker/
RUN /opt/collm-nas/docker/make-folders.sh 1000:1000 /srv/runs
COPY presets/ presets/
COPY --from=build /opt/collm-nas/package.json /opt/collm-nas/package.json
COPY --from=build /opt/collm-nas/node_modules/ /opt/collm-nas/node_modules/
COPY --from=build /opt/collm-nas/proto/ /opt/collm-nas/proto/
COPY --from=build /opt/collm-nas/dist/ /opt/collm-nas/dist/

ENV NODE_ENV=production
USER 1000:1000
VOLUME /srv/runs
ENTRYPOINT ["node", "/opt/collm-nas/dist/cli/main.js"]
CMD ["--help"]
