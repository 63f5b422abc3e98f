//! The RabbitMQ engine of the job queue.
