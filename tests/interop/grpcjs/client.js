// SPDX-License-Identifier: MIT
// The exporter as seen by @grpc/grpc-js: prints what it was told as JSON, for other_clients.py.
//     node client.js ADDRESS PROTO_DIRECTORY      ADDRESS: HOST:PORT or unix:PATH
'use strict';

const path = require('path');
// Beside this file or where tests/interop/run has put the packages.
const modules = process.env.WEIR_NODE_MODULES || path.join(__dirname, 'node_modules');
const grpc = require(path.join(modules, '@grpc/grpc-js'));
const loader = require(path.join(modules, '@grpc/proto-loader'));

const [address, protos] = process.argv.slice(2);
const options = {keepCase: true, longs: Number, enums: Number, defaults: true, oneofs: true};
const agent = grpc.loadPackageDefinition(
    loader.loadSync(path.join(protos, 'weir/v1/agent.proto'), options)).weir.v1.Agent;
const client = new agent(address, grpc.credentials.createInsecure());

function deadline() {
    return {deadline: Date.now() + 20000};
}

function unary(name, request) {
    return new Promise((resolve) => {
        client[name](request, deadline(), (error, answer) =>
            resolve(error ? {code: error.code, details: error.details} : answer));
    });
}

// Messages of a stream until there are n, or its end; then it is cancelled.
function stream(call, n) {
    return new Promise((resolve) => {
        const messages = [];
        call.on('data', (message) => {
            messages.push(message);
            if (messages.length === n) {
                call.cancel();
            }
        });
        call.on('error', (error) => resolve({messages, code: error.code, details: error.details}));
        call.on('end', () => resolve({messages, code: 0, details: ''}));
    });
}

async function main() {
    const told = {};
    const description = await unary('Describe', {});
    told.name = description.name;
    told.pid = description.pid;
    const column = (kind, field) =>
        description.metrics.find((metric) => metric.kind === kind && metric.field === field).index;
    const columns = [column(0, 'sent'), column(0, 'depth')];
    told.watch = await stream(
        client.Watch({queries: [{kind: 0, columns}], interval_millis: 100}, deadline()), 3);
    told.subscribe = await stream(
        client.Subscribe({topics: [told.name + '/channel/size/moves'], interval_millis: 100}, deadline()), 2);
    told.wrong_interval = await stream(client.Watch({queries: [{kind: 0}], interval_millis: 1}, deadline()), 1);
    told.unknown_method = await new Promise((resolve) => {
        client.makeUnaryRequest('/weir.v1.Agent/Nonesuch', (bytes) => bytes, (bytes) => bytes,
            Buffer.alloc(0), deadline(), (error) => resolve(error ? {code: error.code} : {code: 0}));
    });
    // Many calls at once on one connection.
    const all = await Promise.all(Array.from({length: 50}, () => unary('Describe', {})));
    told.at_once = all.filter((one) => one.pid === told.pid).length;
    console.log(JSON.stringify(told));
    client.close();
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
